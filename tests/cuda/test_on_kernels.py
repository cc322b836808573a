"""The kernel language's kernels on a GPU: pointwise, reductions, rows; the same values as on the CPU."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from tests.cuda.here_and_there import as_on_the_cpu

X, Y = torch.randn(7, 5), torch.randn(7, 5)
CUBE = torch.randn(4, 6, 5)

CASES = {
    "add": (lambda a, b: a + b, X, Y),
    "broadcast": (lambda a, b: a * b, X, Y[:1]),
    "transposed": (lambda a, b: a.t() - b.t(), X, Y),
    "stepped": (lambda a: a[::2, 1::2].exp(), X),
    "three_dims": (
        lambda a: a.permute(2, 0, 1)[:, ::2].sin() + a.permute(2, 0, 1)[:, :1].cos(),
        CUBE,
    ),
    "float64": (lambda a: a.double().tanh(), X),
    "float16": (lambda a: (a.half() * 2).float(), X),
    "bfloat16": (lambda a: (a.bfloat16() * a.bfloat16()).float(), X),
    "int32": (lambda a: (a * 10).int() // 3, X),
    "bool": (lambda a: (a > 0) & (a < 1), X),
    "complex": (lambda a, b: torch.complex(a, b).exp(), X, Y),
    "where": (lambda a, b: torch.where(a > b, a, b), X, Y),
    "large_angles": (lambda a: (a * 1e9).sin(), X),
    "sum": (lambda a: a.sum(), X),
    "sum_columns": (lambda a: a.sum(0), X),
    "mean_two_dims": (lambda a: a.mean((0, 2)), CUBE),
    "max": (lambda a: a.max(1), X),
    "argmax": (lambda a: a.argmax(), X),
    "var": (lambda a: a.var(0), X),
    "logsumexp": (lambda a: a.logsumexp(1), X),
    "any": (lambda a: (a > 2).any(), X),
    "sum_in_chunks": (lambda a: a.sum(), torch.randn(300000)),
    "argmax_in_chunks": (lambda a: a.argmax(), torch.randn(300000)),
    "var_in_chunks": (lambda a: a.var(), torch.randn(300000)),
    "many_columns": (lambda a: a.sum(0), torch.randn(30, 5000)),
    "columns_in_chunks": (lambda a: a.sum(0), torch.randn(1000, 40)),
    "moments_of_columns_in_chunks": (lambda a: a.var(0), torch.randn(1000, 40)),
    "planes_in_chunks": (lambda a: a.mean((0, 2)), torch.randn(5, 3, 4000)),
    "long_rows": (lambda a: a.softmax(1), torch.randn(2, 1100)),
    "longer_rows": (lambda a: a.softmax(1), torch.randn(2, 4300)),
    "softmax": (lambda a: a.softmax(1), X),
    "softmax_columns": (lambda a: a.softmax(0), X),
    "log_softmax": (lambda a: a.log_softmax(-1), torch.randn(3, 300)),
    "layer_norm": (lambda a: F.layer_norm(a, (5,)), X),
    "cross_entropy": (lambda a, t: F.cross_entropy(a, t), X, torch.randint(5, (7,))),
    # rows whose target is no class read beside those that have one
    "cross_entropy_ignored": (
        lambda a, t: F.cross_entropy(a, t),
        X,
        torch.tensor([0, -100, 4, 1, -100, 2, 3]),
    ),
    "mse_loss": (lambda a, b: F.mse_loss(a, b), X, Y),
    "cat": (lambda a, b: torch.cat([a, b.t().reshape(7, 5)]), X, Y),
    "pad": (lambda a: F.pad(a, (1, 2)), X),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_cpu(name):
    as_on_the_cpu(*CASES[name], rtol=1e-5, atol=1e-5)


WIDE = [
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int64", "bool", "complex64", "complex128",
]  # fmt: skip


@pytest.mark.parametrize("dtype", WIDE)
def test_vectors_of_elements(dtype):
    """16 bytes at once, what is left behind them, and elements that do not begin where a vector may."""
    dtype = getattr(torch, dtype)
    a, b = ((torch.randn(1030) * 5).to(dtype) for _ in range(2))
    line, column = a[:16], b[:6].view(6, 1)
    there = [t.cuda() for t in (a, b, line, column)]
    for function in (
        lambda a, b, line, column: a * b,
        lambda a, b, line, column: a[1:] == b[1:],
        lambda a, b, line, column: (a == b).to(a.dtype),
        lambda a, b, line, column: a[:96].view(6, 16) * line + column,
        lambda a, b, line, column: a[:102].view(6, 17)[:, :16] * line[:16],
    ):
        torch.testing.assert_close(function(*there).cpu(), function(a, b, line, column))


def test_the_same_bits_every_time():
    x = torch.randn(100000, device="cuda")
    first = [x.sum().item(), x.var().item(), x.softmax(0)[7].item()]
    assert [x.sum().item(), x.var().item(), x.softmax(0)[7].item()] == first
