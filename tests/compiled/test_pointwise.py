"""How operators become the expression of one kernel."""

import pytest

import flambeau as torch
from flambeau.compiled.fuse import forward_of
from flambeau.compiled.groups import Group, grouped
from flambeau.compiled.trace import Tracer


def kernels_of(function, *args):
    """The kernels that a call becomes."""
    tracer = Tracer(list(args))
    with tracer:
        result = function(*args)
    order = grouped(tracer.nodes, tracer.values, [tracer.number(result)])
    return [forward_of(group, tracer.values) for group in order if isinstance(group, Group)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_numbers_come_in_the_dtype_that_is_computed_in(dtype):
    # As int64 or float64 they made all vectors of a float32 kernel half as long.
    def chain(x):
        return (1 - x) * 0.5 + torch.where(x > 0, x, 2.0)

    (kernel,) = kernels_of(chain, torch.randn(4, 4, dtype=getattr(torch, dtype)))
    computed = "float64" if dtype == "float64" else "float32"
    assert kernel.dtypes[:2] == (dtype, dtype)
    assert set(kernel.dtypes[2:]) == {computed}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32", "int64"])
def test_one_number_in_several_dtypes_gives_the_bits_of_eager_mode(dtype):
    def chain(x, y):
        return (x * 3 + 1).to(torch.float64) * 3 - y * 3, (x > 3) & (y < 3), y - 0.1

    compiled = torch.compile(chain)
    for rows in (5, 33):
        x = (torch.randn(rows, 9) * 5).to(getattr(torch, dtype))
        y = torch.randn(rows, 9)
        for _ in range(2):
            for ours, expected in zip(compiled(x, y), chain(x, y)):
                assert ours.dtype == expected.dtype and torch.equal(ours, expected)
