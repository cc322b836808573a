"""Powers by numbers that have a loop of their own: those of any number, but where they are less exact."""

import math

import pytest

import flambeau as torch
from flambeau.ops import pointwise

inf, nan = math.inf, math.nan
EXPONENTS = [0, 0.0, 0.5, -0.5, -1, -1.0, 1, 1.0, -2, -2.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_halves_have_the_bits_of_any_power(exponent, dtype):
    x = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)
    expected = pointwise._pow(x, exponent)
    found = torch.pow(x, exponent)
    number = ~expected.isnan()
    assert torch.equal(found.isnan(), expected.isnan())
    assert torch.equal(found[number].view(torch.int16), expected[number].view(torch.int16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_floats_are_those_of_any_power(exponent, dtype):
    tiny = torch.finfo(dtype).tiny
    x = [0.0, -0.0, inf, -inf, nan, -1.5, -4.0, tiny, -tiny, tiny / 8, 2.0, 0.3, 1 / tiny]
    x = torch.cat([torch.tensor(x, dtype=dtype), torch.linspace(-3, 50, 1003, dtype=dtype)])
    expected, found = pointwise._pow(x, exponent), torch.pow(x, exponent)
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(found, expected, rtol=2 * unit, atol=0, equal_nan=True)
    signs = ~found.isnan()
    assert torch.equal(found.signbit()[signs], expected.signbit()[signs])
    for same in (x**exponent, x.clone().pow_(exponent), torch.pow(x, exponent, out=x.clone())):
        torch.testing.assert_close(same, found, rtol=2 * unit, atol=0, equal_nan=True)
    assert found.data_ptr() != x.data_ptr()
    turned = x[:12].reshape(3, 4).t()
    assert torch.pow(turned, exponent).stride() == turned.stride()
    for n in (0, 1, 65, 257):
        few = torch.pow(x[-n - 1 : -1], exponent)
        assert torch.equal(few.nan_to_num(7), found[-n - 1 : -1].nan_to_num(7))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int32])
@pytest.mark.parametrize("exponent", [*EXPONENTS, 2, 2.0, 3, 3.0, -3, 1.5])
def test_every_form_of_a_power_has_the_same_bits(exponent, dtype):
    whole = dtype is torch.int32
    if whole and not (isinstance(exponent, int) and exponent >= 0):
        pytest.skip("the result is no integer")
    x = torch.arange(1, 1030, dtype=dtype) if whole else torch.linspace(0.1, 9, 1030).to(dtype)
    y = x**exponent
    for same in (x.clone().pow_(exponent), torch.pow(x, exponent, out=torch.empty_like(x))):
        assert torch.equal(same, y)
    x **= exponent
    assert torch.equal(x, y)


def test_in_place_powers_refuse_what_their_dtype_cannot_hold():
    for exponent in (2.0, 3.0, 0.5, -1.0):
        with pytest.raises(RuntimeError):
            torch.arange(3).pow_(exponent)


@pytest.mark.parametrize("exponent", [*EXPONENTS, 2, 3, 3.0])
def test_slopes_of_powers(exponent):
    x = torch.linspace(0.2, 4, 9, dtype=torch.float64, requires_grad=True)
    y = x**exponent
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    torch.testing.assert_close(slope, exponent * pointwise._pow(x.detach(), exponent - 1))
    if exponent not in (0, 1):  # whose slopes are constant
        (second,) = torch.autograd.grad(slope.sum(), x)
        expected = exponent * (exponent - 1) * pointwise._pow(x.detach(), exponent - 2)
        torch.testing.assert_close(second, expected)
        y = x * 1
        y.pow_(exponent)
        assert torch.autograd.grad(y.sum(), x)[0].equal(slope)
    zero = torch.tensor([0.0, -0.0], requires_grad=True)
    (slope,) = torch.autograd.grad((zero**exponent).sum(), zero, torch.tensor(0.0))
    assert slope.tolist() == [0, 0]


def test_whole_numbers_to_such_powers():
    x = torch.tensor([1, 4])
    assert torch.pow(x, 0.5).tolist() == [1, 2] and torch.pow(x, -1.0).tolist() == [1, 0.25]
    assert torch.pow(x, 1).dtype is torch.int64 and torch.pow(x, 1.0).dtype is torch.float32
    with pytest.raises(RuntimeError, match="negative power"):
        torch.pow(x, -1)
    z = torch.tensor([1j, 2 + 1j])
    torch.testing.assert_close(torch.pow(z, 0.5) ** 2, z)
