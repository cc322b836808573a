"""Joined kernels give the bits of eager mode: sums over rows, functions of them, gradients that are added up."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def layer_norm(x, w, column, one):
    apart = x - x.mean(-1, keepdim=True)
    return apart / torch.sqrt((apart * apart).mean(-1, keepdim=True) + 1e-5) * w + one


def logarithm_of_sum(x, w, column, one):
    return (x * 2).exp().sum(-1, keepdim=True).log() * w + column.sin()


def softmaxes(x, w, column, one):
    return torch.softmax(x * w, -1) * w - torch.log_softmax(x + column, -1)


def wide_sum(x, w, column, one):
    return x.to(torch.float64).sum(-1, keepdim=True) * w + x


def narrow_sum_beside_wide(x, w, column, one):
    return x * w.to(torch.float64) + (x * w).sum(-1, keepdim=True) * w


def sum_of_wide(x, w, column, one):
    return (x.to(torch.float64) * w - w * column).sum(-1, keepdim=True) * one


def read_often(x, w, column, one):
    return torch.tanh(x * w + w) * w + column * x + w * one + column * one


def row_values(x, w, column, one):
    mean = (x * one).mean(-1, keepdim=True) + one
    return (x - mean * w) * w * column + mean * column


def beside_others(x, w, column, one):
    y = x * w
    z = layer_norm(y, w, column, one) + y  # a residual connection
    return z.flip(0) * y + z


def beside_what_nobody_reads(x, w, column, one):
    y = x * w
    z = torch.lerp(y, y, 0.3)
    y.sin()
    return z * one + torch.softmax(y, -1) * column


PROGRAMS = (layer_norm, logarithm_of_sum, softmaxes, wide_sum, narrow_sum_beside_wide, sum_of_wide, read_often, row_values,
            beside_others, beside_what_nobody_reads)  # fmt: skip


def calls(function, tensors, least=-1):
    """Results and gradients, for those of the result from `least` to `least` + 2."""
    given = [t.clone().requires_grad_() for t in tensors]
    result = function(*given)
    gradient = torch.arange(result.numel()).cos() + (least + 1)
    result.backward(gradient.to(result.dtype).reshape(result.shape))
    return [result, *(t.grad for t in given)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_results_and_gradients_are_the_bits_of_eager_mode(program):
    compiled = torch.compile(program)
    for width in (33, 64, 257, 512, 768, 1024, 1025, 2049, 5000):
        for rows in (1, 7, 33):
            tensors = (
                torch.randn(rows, width),
                torch.rand(width),
                torch.rand(rows, 1),
                torch.rand(1),
            )
            calls(compiled, tensors)
            for got, wanted in zip(calls(compiled, tensors), calls(program, tensors)):
                assert (got is None) == (wanted is None), (width, rows)
                assert got is None or torch.equal(got, wanted), (width, rows)


def test_functions_of_a_rows_value_have_the_bits_of_whole_vectors():
    x = torch.rand(1000, 33) + 0.01
    for function in (torch.log, torch.exp, torch.erf, torch.log1p, torch.tanh, torch.log2):
        program = lambda x: function(x.amax(-1, keepdim=True)) + x.sum(-1, keepdim=True)
        compiled = torch.compile(program)
        compiled(x)
        assert torch.equal(compiled(x), program(x)), function


def test_gradients_of_gradients_add_up_where_a_vector_is_read_often():
    compiled = torch.compile(read_often)
    given = [torch.randn(5, 40), torch.rand(40), torch.rand(5, 1), torch.rand(1)]
    given = [t.double().requires_grad_() for t in given]
    compiled(*given)
    assert torch.autograd.gradcheck(compiled, given)
    assert torch.autograd.gradgradcheck(compiled, given)


def rows_layer_norm(x):
    apart = x - x.mean(-1, keepdim=True)
    return apart * (apart.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


ROWS = {
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "sum": lambda x: x * x.sum(-1, keepdim=True),
    "mean": lambda x: x - x.mean(-1, keepdim=True),
    "amax": lambda x: (x * 3).round() - (x * 3).amax(-1, keepdim=True),
    "ties": lambda x: x * (x * 3 - (x * 3).remainder(1)).amin(-1, keepdim=True),
    "layer_norm": rows_layer_norm,
    "log_sum": lambda x: x - x.exp().sum(-1, keepdim=True).log(),
    "norm": lambda x: x / x.square().sum(-1, keepdim=True).sqrt(),
    "two softmaxes": lambda x: x.softmax(-1) * (x * 2).log_softmax(-1),
    "softmax of softmax": lambda x: x.log_softmax(-1).sin().softmax(-1),
}
CHAINS = {
    "nothing": lambda x, w: x,
    "product": lambda x, w: x * w,
    "sin": lambda x, w: x.sin(),
    "tanh and more": lambda x, w: (x * w + 0.5).tanh() * x,
    "exp": lambda x, w: (x * 0.1).exp() - w,
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("behind", CHAINS)
def test_rows_with_chains_in_front_and_behind_are_the_bits_of_eager_mode(name, behind):
    for front in ("nothing", "sin", "tanh and more"):
        program = lambda x, w: CHAINS[behind](ROWS[name](CHAINS[front](x, w)), w)
        for width in (5, 65, 300, 513, 1025, 2049):
            compiled = torch.compile(program)  # one of other sizes would be taken as it is
            tensors = torch.randn(25, width), torch.rand(25, width)
            calls(compiled, tensors, 0.5)
            for got, wanted in zip(calls(compiled, tensors, 0.5), calls(program, tensors, 0.5)):
                assert (got is None) == (wanted is None), (front, width)
                assert got is None or _same(got, wanted), (front, width)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_other_dtypes_are_the_bits_of_eager_mode(name, dtype):
    for behind in CHAINS:
        program = lambda x, w: CHAINS[behind](ROWS[name](x), w)
        compiled = torch.compile(program)
        for width, other in ((300, dtype), (1025, dtype), (300, torch.float32)):
            tensors = torch.randn(25, width).to(dtype), torch.rand(25, width).to(other)
            calls(compiled, tensors, 0.5)
            for got, wanted in zip(calls(compiled, tensors, 0.5), calls(program, tensors, 0.5)):
                assert (got is None) == (wanted is None), (behind, width, other)
                assert got is None or _same(got, wanted), (behind, width, other)


def _same(a, b):
    return a.dtype == b.dtype and bool(((a == b) | (a.isnan() & b.isnan())).all())


def test_softmax_beside_a_wider_operand_has_the_bits_of_eager_mode():
    program = lambda x, w: x.softmax(-1).sin() * w
    compiled = torch.compile(program)
    for width in (65, 300, 1025):
        tensors = torch.randn(40, width), torch.rand(40, width).double()
        calls(compiled, tensors, 0.5)
        for got, wanted in zip(calls(compiled, tensors, 0.5), calls(program, tensors, 0.5)):
            assert torch.equal(got, wanted), width


def test_extremes_of_many_ties_share_gradients_as_in_eager_mode():
    for function in (torch.amax, torch.amin):
        for dtype in (torch.float32, torch.bfloat16):
            program = lambda x, w: function(x.sin() * 1.0, -1, keepdim=True).cos() * w
            compiled = torch.compile(program)
            tensors = torch.randint(0, 3, (50, 1030)).to(dtype), torch.rand(50, 1030).to(dtype)
            calls(compiled, tensors, 0.5)
            for got, wanted in zip(calls(compiled, tensors, 0.5), calls(program, tensors, 0.5)):
                assert torch.equal(got, wanted), (function, dtype)


def written_between(x, y):
    a = F.selu(x)
    a.clamp_(-1, 1)
    b = torch.where(y > 0.5, x, a)
    return a, b, x * F.mse_loss(y, a, reduction="sum")


def beside_what_is_made_of_several(x, y):
    h = F.logsigmoid(x)
    return (h @ h.mT)[..., :1] * h, F.normalize(h, dim=-1)


@pytest.mark.parametrize("program", [written_between, beside_what_is_made_of_several])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_add_up_in_the_order_of_eager_mode(program, seed):
    def run(function):
        torch.manual_seed(seed)
        x, y = (torch.rand(40, 40) * 2 - 1).requires_grad_(), torch.rand(40, 40)
        outputs = function(x, y)
        torch.autograd.backward(outputs, [torch.rand(o.shape) for o in outputs])
        return x.grad

    compiled, expected = torch.compile(program), run(program)
    for _ in range(3):
        assert torch.equal(run(compiled), expected)


@pytest.mark.parametrize("value", [0, -1, 0.0, -float("inf"), float("nan"), 1e9, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_a_masked_fill_is_no_break(value, dtype):
    if dtype is torch.int64 and (value != value or value == -float("inf")):
        return

    def program(x):
        return (x * 2).masked_fill(x > 1, value) + 1

    compiled = torch.compile(program)
    x = (torch.rand(5, 40) * 4).to(dtype)
    for _ in range(2):
        torch.testing.assert_close(compiled(x), program(x), rtol=0, atol=0, equal_nan=True)
    assert not compiled._compiled.broken and compiled._compiled.made == 1


def test_a_wider_result_that_backward_keeps_does_not_hide_that_rows_are_wider():
    def program(x, shift):
        return (x - shift).exp().sum(-1, keepdim=True)

    compiled = torch.compile(program)
    for seed in range(4):
        torch.manual_seed(seed)
        x, shift = torch.rand(9, 32), torch.rand(9, 1, dtype=torch.float64, requires_grad=True)
        assert torch.equal(compiled(x, shift), program(x, shift))


@pytest.mark.parametrize("program", [
    lambda x, y: (x - x.mean(-1, keepdim=True)) * y.sum(-1, keepdim=True),
    lambda x, y: ((x * y.sum(0) + 1).exp() * y[:1], x.sin() + y.sum()),
    lambda x, y: x * x.sum() * 0.01 + F.huber_loss(x, y, reduction="sum"),
])  # fmt: skip
@pytest.mark.parametrize("layout", ["turned", "cut and turned", "sliced", "one value", "one row"])
def test_gradients_of_other_layouts(program, layout):
    make = {
        "turned": lambda: torch.rand(40, 5).mT,
        "cut and turned": lambda: torch.rand(80, 5)[:40].mT,
        "sliced": lambda: torch.rand(5, 80)[:, ::2],
        "one value": lambda: torch.rand(()).expand(5, 40),
        "one row": lambda: torch.rand(40).expand(5, 40),
    }[layout]

    def run(function, seed):
        torch.manual_seed(seed)
        x, y = torch.rand(5, 40, requires_grad=True), torch.rand(5, 40, requires_grad=True)
        outputs = function(x, y)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        torch.autograd.backward(outputs, [make() for _ in outputs])
        return x.grad, y.grad

    compiled = torch.compile(program)
    for seed in range(4):
        for expected, got in zip(run(program, seed), run(compiled, seed)):
            assert torch.equal(expected, got) and expected.stride() == got.stride()
