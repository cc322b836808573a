"""Losses and other sums and means of everything: joined with the operators in front of them, to the bits of eager mode."""

import pytest

import flambeau as torch
from flambeau.compiled.report import watch
from flambeau.nn import functional as F

JOINED = "l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits kl_div poisson_nll_loss".split()
WHOLE = "mse_loss cross_entropy binary_cross_entropy soft_margin_loss hinge_embedding_loss".split()
SIZES = ((6,), (5, 7), (300, 300), (600, 1000))  # the last is summed chunk by chunk


def loss_of(name, reduction):
    def program(x, y):
        x = torch.sigmoid(x) if name == "binary_cross_entropy" else x * 2 + 1
        if name == "cross_entropy":
            y = torch.softmax(y, -1)
        elif name in ("soft_margin_loss", "hinge_embedding_loss"):
            y = torch.where(y > 0.5, 1.0, -1.0)
        return getattr(F, name)(x, y, reduction=reduction) * 0.5

    return program


def calls(function, x, y, needs=(True, False)):
    """Results and gradients."""
    given = [t.clone().requires_grad_(need) for t, need in zip((x, y), needs)]
    result = function(*given)
    (result * result).sum().backward()
    return [result, *(t.grad for t in given)]


def same(got, wanted):
    return all(
        (a is None and b is None) or torch.equal(a, b) for a, b in zip(got, wanted, strict=True)
    )


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", JOINED + WHOLE)
def test_losses_have_the_bits_of_eager_mode(name, reduction):
    program = loss_of(name, reduction)
    compiled = torch.compile(program)
    both = name not in ("soft_margin_loss", "hinge_embedding_loss")
    for size in SIZES:
        x, y = torch.randn(size), torch.rand(size)
        for needs in ((True, False), (True, both), (False, False)):
            if not any(needs):
                compiled(x, y)
                assert torch.equal(compiled(x, y), program(x, y))
                continue
            calls(compiled, x, y, needs)
            assert same(calls(compiled, x, y, needs), calls(program, x, y, needs)), (size, needs)


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("name", JOINED)
def test_losses_join_what_stands_in_front_of_them(name):
    with watch() as seen:
        torch.compile(lambda x, y: getattr(F, name)(x * 2 + 1, y))(
            torch.rand(4, 5), torch.rand(4, 5)
        )
    (program,) = seen.programs
    assert (program.kernels, program.operators) == (1, 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_sums_and_means_of_chains(size, dtype):
    for program in (
        lambda x, y: ((x - y).abs() + 1).mean(),
        lambda x, y: x.exp().sum(),
        lambda x, y: (torch.tanh(x * y[:1]) * 3).sum() + 1,
        lambda x, y: torch.mean(x.flip(0) * y) * (x * y).sum(),
    ):
        compiled = torch.compile(program)
        x, y = torch.rand(size).to(dtype), torch.rand(size).to(dtype)
        for needs in ((True, True), (True, False)):
            calls(compiled, x, y, needs)
            assert same(calls(compiled, x, y, needs), calls(program, x, y, needs))


def test_layouts_of_a_summed_chain():
    compiled = torch.compile(chain := lambda x, y: (x * 2 + y).mean())
    for x in (torch.rand(700, 600).mT, torch.rand(600, 1400)[:, ::2], torch.rand(600, 700)):
        y = torch.rand(600, 700)
        compiled(x, y)
        assert torch.equal(compiled(x, y), chain(x, y))
        assert same(calls(compiled, x, y), calls(chain, x, y))


def test_gradients_of_gradients_and_batches_of_them():
    compiled = torch.compile(lambda x, y: (torch.tanh(x) * y).mean())
    given = torch.rand(3, 4).double().requires_grad_(), torch.rand(3, 4).double().requires_grad_()
    compiled(*given)
    assert torch.autograd.gradcheck(compiled, given)
    assert torch.autograd.gradgradcheck(compiled, given)
    loss, seeds = compiled(*given), torch.rand(5).double()
    many = torch.autograd.grad(loss, given, seeds, is_grads_batched=True, retain_graph=True)
    for k, seed in enumerate(seeds):
        one = torch.autograd.grad(loss, given, seed, retain_graph=True)
        assert all(torch.allclose(m[k], o) for m, o in zip(many, one))


def test_a_chain_that_somebody_else_reads_is_stored():
    def program(x):
        y = x * 2 + 1
        return y.mean(), y

    compiled, x = torch.compile(program), torch.rand(50)
    compiled(x)
    for got, wanted in zip(compiled(x), program(x)):
        assert torch.equal(got, wanted)


def test_nothing_is_left_of_a_sum_that_meets_no_elements():
    compiled = torch.compile(program := lambda x, y: (x[y[0] > 0] * 2 + 1).sum())
    x, y = torch.rand(3, 3), torch.ones(1, 3)
    assert torch.equal(compiled(x, y), program(x, y))
    assert torch.equal(compiled(x, -y), program(x, -y))


def test_a_cast_to_the_dtype_that_is_there_ends_no_kernel():
    with watch() as seen:
        torch.compile(lambda x: (x * 2).float().to(torch.float32).exp())(torch.rand(4))
    assert [(p.kernels, p.operators) for p in seen.programs] == [(1, 0)]
    program = lambda x: (x * 2).to(x.dtype) + 1
    compiled = torch.compile(program)
    for dtype in (torch.float32, torch.float64, torch.float16):
        for _ in range(2):
            assert compiled(torch.ones(3, dtype=dtype)).dtype == dtype


def test_a_mean_over_the_batch_divides_by_the_batch_that_is_there():
    def program(x, y):
        return F.kl_div(x * 2, y + 1, reduction="batchmean")

    compiled = torch.compile(program)
    for rows in (4, 4, 9, 9, 2):
        x, y = torch.rand(rows, 40), torch.rand(rows, 40)
        assert torch.equal(compiled(x, y), program(x, y))
