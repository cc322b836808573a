"""Transposed convolutions whose padding takes all places away."""

import pytest

import flambeau as torch


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "complex64"])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_conv_transpose_of_no_places_is_empty(batch, groups, dims, dtype):
    dtype = getattr(torch, dtype)
    operator = getattr(torch, f"conv_transpose{dims}d")
    x = torch.ones(*batch, 4, *(1, 3, 2)[:dims], dtype=dtype)
    w = torch.ones(4, 2, *(1, 3, 2)[:dims], dtype=dtype)
    b = torch.ones(2 * groups, dtype=dtype)
    options = {"stride": 4, "padding": (1, 0, 2)[:dims], "output_padding": 1, "groups": groups}
    operands = x, w, b
    if dtype.is_floating_point or dtype.is_complex:
        operands = [t.requires_grad_() for t in operands]
    y = operator(*operands, **options)
    assert y.shape == (*batch, 2 * groups, *(0, 12, 3)[:dims]) and y.dtype is dtype
    if y.requires_grad:
        for t, gradient in zip(
            operands, torch.autograd.grad(y, operands, torch.ones_like(y)), strict=True
        ):
            assert gradient.shape == t.shape and (gradient == 0).all()
    with pytest.raises(RuntimeError, match="would give an output of"):
        operator(*operands, **{**options, "padding": 3})
