"""Reductions over what a mask selects."""

import math

import numpy
import pytest

import flambeau
from flambeau import masked


@pytest.fixture
def x(random):
    return random(3, 5)


@pytest.fixture
def mask():
    return flambeau.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]]).bool()


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "amax", "amin"])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_reductions_are_those_of_masked_arrays(agrees, x, mask, name, dim):
    array = numpy.ma.array(x.numpy(), mask=~mask.numpy())
    numpy_name = {"amax": "max", "amin": "min"}.get(name, name)
    expected = getattr(array, numpy_name)(dim, **({"ddof": 1} if name in ("var", "std") else {}))
    agrees(getattr(masked, name)(x, dim, mask=mask), numpy.asarray(expected))


def test_softmax_leaves_out_what_is_masked(agrees, x, mask):
    y = masked.softmax(x, 1, mask=mask)
    agrees(y.sum(1), numpy.ones(3))
    assert (y[~mask] == 0).all()
    agrees(masked.log_softmax(x, 1, mask=mask).exp(), y)


def test_nothing_selected():
    nothing = flambeau.zeros(2, 2, dtype=flambeau.bool)
    x = flambeau.ones(2, 2)
    assert masked.sum(x, 1, mask=nothing).tolist() == [0, 0]
    assert masked.prod(x, 1, mask=nothing).tolist() == [1, 1]
    assert all(math.isnan(value) for value in masked.mean(x, 1, mask=nothing).tolist())


def test_median_of_integers_is_an_integer():
    x, mask = flambeau.tensor([[3, 2**40 + 1, 5]]), flambeau.tensor([[False, True, False]])
    got = masked.median(x, 1, mask=mask)
    assert got.dtype == flambeau.int64 and got.tolist() == [2**40 + 1]
    assert masked.median(x, 1).tolist() == [5]
    with pytest.raises(ValueError, match="masked.median: mask selects nothing"):
        masked.median(x, 1, mask=~mask & mask)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64", "complex128", "bfloat16"])
def test_masked_scatter_writes_only_where_the_mask_is_true(dtype):
    random = numpy.random.default_rng(8)
    n = 70_000
    mask = flambeau.from_numpy(random.random(n) < 0.5)
    x = flambeau.from_numpy(random.integers(0, 100, n)).to(getattr(flambeau, dtype))
    source = flambeau.from_numpy(random.integers(100, 200, int(mask.sum()))).to(
        getattr(flambeau, dtype)
    )
    expected = x.clone()
    expected[mask] = source
    before = flambeau.get_num_threads()
    try:
        for threads in (1, 2, 3, 16):
            flambeau.set_num_threads(threads)
            assert flambeau.equal(x.clone().masked_scatter_(mask, source), expected)
            assert flambeau.equal(
                x[1:].clone().masked_scatter_(mask[1:], source[int(mask[0]) :]), expected[1:]
            )
    finally:
        flambeau.set_num_threads(before)
    assert x.masked_scatter(flambeau.zeros(n, dtype=flambeau.bool), source).equal(x)
