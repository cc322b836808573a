"""Questions about whole tensors or sets."""

import math

import numpy
import pytest

import flambeau


def test_isclose_and_allclose():
    a = flambeau.tensor([1.0, math.nan, math.inf, -math.inf, 1.0])
    b = flambeau.tensor([1.0 + 1e-6, math.nan, math.inf, math.inf, 2.0])
    assert flambeau.isclose(a, b).tolist() == [True, False, True, False, False]
    assert a.isclose(b, equal_nan=True).tolist() == [True, True, True, False, False]
    assert flambeau.allclose(a[:1], b[:1]) is True
    assert a.allclose(b) is False
    assert flambeau.allclose(flambeau.tensor([100]), flambeau.tensor([101]), atol=1) is True
    with pytest.raises(
        RuntimeError, match=r"isclose: input is torch\.float32 and other torch\.float64"
    ):
        flambeau.isclose(a, a.double())


def test_equal():
    a = flambeau.tensor([[1, 2], [3, 4]])
    assert flambeau.equal(a, a.clone()) is True
    assert a.equal(a.t()) is False
    assert flambeau.equal(a, a[0]) is False
    assert flambeau.equal(flambeau.empty(0), flambeau.empty(0)) is True


@pytest.mark.parametrize("tests", [[3], list(range(0, 60, 2)), []])
def test_isin(tests):
    x = flambeau.arange(12).view(3, 4)
    t = flambeau.tensor(tests, dtype=flambeau.int64)
    assert flambeau.isin(x, t).tolist() == numpy.isin(x.numpy(), tests).tolist()
    assert (
        flambeau.isin(x, t, invert=True).tolist()
        == numpy.isin(x.numpy(), tests, invert=True).tolist()
    )


def test_isin_takes_a_number_on_one_side():
    x = flambeau.tensor([1, 2, 3])
    assert flambeau.isin(x, 2).tolist() == [False, True, False]
    assert flambeau.isin(2, x).item() is True


def test_numbers_are_no_tensors():
    x = flambeau.ones(2)
    with pytest.raises(TypeError, match="isclose: other must be a Tensor, not int"):
        flambeau.isclose(x, 1)
    with pytest.raises(TypeError, match="matmul: input must be a Tensor, not list"):
        flambeau.matmul([1.0], x)
