"""Gradients of gradients of compiled functions, where a kernel's backward is run by operators: eager mode's bits."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def centred(x, y):
    return (x - x.mean(-1, keepdim=True),)


def spread(x, y):
    return x - x.mean(-1, keepdim=True), x.mean(-1, keepdim=True) * 2


def shares(x, y):
    return (F.log_softmax(x, -1) * y, F.softmax(x, -1) + y)


def smallest(x, y):
    return (y - x.amax(-1, keepdim=True)) * 3, x.amin(-1, keepdim=True) + x


def often_read(x, y):
    return x.abs() * y, x * x / (y.abs() + 1), x * y + x.square(), x * 3 - y


def after_a_sum(x, y):
    return (x * (y * x).sum(-1, keepdim=True)).sin(), x.square() * y


def read_beside_a_product(x, y):
    return y * x + 1.25 * x, y.relu() - x - x


def rounded(x, y):
    return (x.double() * x).float() * y, x / (x.abs() + 1)


def kept_results(x, y):
    z = (y * 0.1).exp()
    with torch.no_grad():
        w = z.sin()  # ends the kernel
    u = F.silu(z) + x
    return torch.hypot(u, u + 2), w + z.tanh() * x.sigmoid()


def of_all(x, y):
    return ((x * y).tanh() * x + y).mean(), (x.exp() - y).sum()


def of_three(x, y):
    return torch.addcmul(y, x, x, value=1.25), -y, torch.addcdiv(x, y, y.abs() + 3) * x


def twice(function, sizes, which):
    torch.manual_seed(1)
    x = (torch.rand(sizes) * 2 - 1).requires_grad_()
    y = (torch.rand(sizes) * 2 - 1).requires_grad_()
    results = function(x, y)
    outputs = [results[k] for k in which]
    seeds = [torch.rand(o.shape).requires_grad_() for o in outputs]
    found = torch.autograd.grad(outputs, [x, y], seeds, create_graph=True, allow_unused=True)
    found = [g for g in found if g is not None]
    torch.autograd.backward([g.sum() for g in found if g.requires_grad])
    return [*outputs, *found, x.grad, y.grad, *(s.grad for s in seeds)]


@pytest.mark.parametrize("sizes", [(5, 48), (300, 100), (99,)])
@pytest.mark.parametrize(
    "function",
    [
        centred,
        spread,
        shares,
        smallest,
        often_read,
        after_a_sum,
        read_beside_a_product,
        rounded,
        kept_results,
        of_all,
        of_three,
    ],
    ids=lambda f: f.__name__,
)
def test_second_derivatives_are_the_bits_of_eager_mode(function, sizes):
    compiled = torch.compile(function)
    n = len(function(torch.rand(sizes), torch.rand(sizes)))
    for which in [range(n), *([k] for k in range(n))]:
        expected = twice(function, sizes, which)
        for _ in range(3):
            for a, b in zip(expected, twice(compiled, sizes, which), strict=True):
                assert a is b is None or torch.equal(a, b)


def test_one_result_of_several_sends_a_gradient_to_rows_that_nobody_kept():
    # backward of a mean along the row needs the sizes of what it was taken of, and nothing else of it
    compiled = torch.compile(spread)
    for _ in range(3):
        x = torch.rand(5, 48, requires_grad=True)
        compiled(x, x)[1].sum().backward()
        torch.testing.assert_close(x.grad, torch.full((5, 48), 2 / 48))


def test_a_derivative_of_0_stays_0_beside_infinite_gradients():
    def program(x, y):
        return (x.sign() + y) * 2, x.round() - y

    compiled = torch.compile(program)
    for _ in range(3):
        x = torch.rand(64, requires_grad=True)
        y = torch.rand(64, requires_grad=True)
        outputs = compiled(x, y)
        torch.autograd.backward(outputs, [torch.full((64,), -torch.inf)] * 2)
        assert torch.equal(x.grad, torch.zeros(64)) and not x.grad.signbit().any()


def penalty(function, x, weight, hooked, third):
    seen = []
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = function(x, weight)
    y.register_hook(lambda g: seen.append(g.detach().clone()))
    if hooked:
        x.register_hook(lambda g: g * 2)
        y.retain_grad()
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    total = y.mean() + slope.square().mean()
    if third:
        (bend,) = torch.autograd.grad(slope.square().sum(), x, create_graph=True)
        total = total + bend.square().mean()
    total.backward()
    return [y.detach(), slope, x.grad, weight.grad, *([y.grad] if hooked else []), *seen]


@pytest.mark.parametrize("third", [False, True])
@pytest.mark.parametrize("hooked", [False, True])
def test_passes_after_one_that_made_a_graph_go_through_the_operators(hooked, third):
    function = lambda x, w: (x * w).tanh() * x.exp() + w * 3 - x * w
    compiled = torch.compile(function)
    given = torch.linspace(-1, 1, 200).view(5, 40), torch.linspace(1, 2, 40)
    expected = penalty(function, *given, hooked, third)
    for _ in range(3):
        for a, b in zip(expected, penalty(compiled, *given, hooked, third), strict=True):
            if third:  # what reads a kept result again meets the node, then the operator
                torch.testing.assert_close(a, b)
            else:
                assert torch.equal(a, b)


def test_a_node_whose_keeping_was_freed_leads_nowhere():
    compiled = torch.compile(lambda x: (x * x).sin() + x)
    for _ in range(2):
        x = torch.rand(40, requires_grad=True)
        y = compiled(x).sum()
        torch.autograd.grad(y, x, create_graph=True, retain_graph=False)
        with pytest.raises(RuntimeError, match="freed"):
            y.backward()


def test_a_node_that_is_called_by_hand_gives_gradients_and_stays():
    compiled = torch.compile(lambda x: (x * x).sin() + x)
    x = torch.rand(40, requires_grad=True)
    compiled(x)
    y = compiled(x)
    made = y.grad_fn(torch.ones(40))
    made = made[0] if isinstance(made, tuple) else made
    y.sum().backward()
    assert torch.equal(made.detach(), x.grad)


def test_nothing_of_a_graph_of_gradients_outlives_it():
    import gc
    import weakref

    compiled = torch.compile(lambda x: (x * x).exp() * x + x)
    gc.disable()
    try:
        for _ in range(3):
            x = torch.rand(40, requires_grad=True)
            y = compiled(x)
            node = weakref.ref(y.grad_fn)
            (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            slope.sum().backward()
            del y, slope
            assert node() is None
    finally:
        gc.enable()


def test_threads_that_differentiate_one_graph_agree():
    import threading

    compiled = torch.compile(lambda x, w: (x * w).sin() * x + w)
    x, w = torch.rand(7, 40, requires_grad=True), torch.rand(40, requires_grad=True)
    compiled(x, w), compiled(x, w)
    for _ in range(20):
        y = compiled(x, w)
        found = [None] * 4

        def differentiate(k, y=y, found=found):
            slopes = torch.autograd.grad(y.sum(), [x, w], create_graph=True)
            found[k] = slopes + torch.autograd.grad(
                sum(s.square().sum() for s in slopes), [x, w], retain_graph=True
            )

        threads = [threading.Thread(target=differentiate, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                torch.testing.assert_close(a, b)


def test_a_result_whose_gradient_is_zero_needs_nothing_that_was_not_kept():
    def program(x, y):
        return x * 2 + 1, F.softplus(-x.sign() * y)

    compiled = torch.compile(program)
    for _ in range(3):
        x, y = torch.rand(6, 40, requires_grad=True), torch.rand(6, 40)
        compiled(x, y)[1].sum().backward()
        assert torch.equal(x.grad, torch.zeros(6, 40))


def test_what_a_program_writes_twice_is_computed_once():
    from flambeau.compiled.fuse import Kernel
    from flambeau.kernels.expression import input, twin, untwinned
    from flambeau.kernels.language import exp

    made = exp(input(0))
    other = twin(made)
    assert untwinned([made * input(1) + other])[0] is made * input(1) + made
    counts, init = [], Kernel.__init__

    def counting(self, *arguments, **options):
        init(self, *arguments, **options)
        counts.append(self.calls)

    Kernel.__init__ = counting
    try:
        compiled = torch.compile(lambda x, y: x.exp() * y + x.exp() * 2)
        for _ in range(2):
            x = torch.rand(40, requires_grad=True)
            compiled(x, torch.rand(40)).sum().backward()
    finally:
        Kernel.__init__ = init
    assert counts and max(counts) == 1
