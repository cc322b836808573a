"""Choices between values, element by element: where, masked_fill, heaviside."""

from .. import _core
from ..kernels import language as k
from .core.declare import METHODS, composite, make_pointwise, pointwise, register

_where = make_pointwise(k.where, name="where", keep=("condition",), float8=True, rounds=True)


def where(condition, input=None, other=None, *, out=None):
    """input where condition is true, else other; with condition alone the indices of its true elements.

    Example:
        >>> torch.where(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        (tensor([0, 0, 1, 1]), tensor([0, 1, 0, 1]))
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype is not _core.bool:
        if condition.dtype is not _core.uint8:
            raise RuntimeError(
                f"where: condition is {condition.dtype}, but it must be bool. Write condition != 0."
            )
        _core._warn_once(
            "where of uint8", "where: a condition of uint8 is deprecated. Write condition.bool()."
        )
        condition = condition.to(_core.bool)
    return (
        _where(condition, input, other) if out is None else _where(condition, input, other, out=out)
    )


def _where_method(input, condition, other):
    """input where condition is true, else other."""
    return where(condition, input, other)


register("where", where)
METHODS["where"] = _where_method

_masked_fill = make_pointwise(
    lambda input, mask, value: k.where(mask, value, input),
    name="masked_fill",
    keep=("mask",),
    float8=True,
    rounds=True,
    row_major="always",
)
_masked_fill_ = _core._pointwise(_masked_fill.spec, _masked_fill)


_WIDE_EXPONENTS = (_core.float64, _core.float16, _core.bfloat16)  # which have infinities


def _check_mask(input, mask, value, name):
    if mask.dtype is not _core.bool:
        raise RuntimeError(f"{name}: mask is {mask.dtype}, but it must be bool. Write mask != 0.")
    if isinstance(value, _core.Tensor):
        if value.dim() > 0:
            raise RuntimeError(
                f"{name}: value is a tensor of shape {tuple(value.shape)}; it must be 0-dim. "
                "masked_scatter takes many values."
            )
        if value.dtype.is_complex and not input.dtype.is_complex and input.dtype is not _core.bool:
            raise RuntimeError(
                f"{name}: value is {value.dtype}, which {input.dtype} cannot hold. Take its real "
                "part, or convert input first."
            )
        if value.dtype is input.dtype:
            # x[mask] = x[0] reads the number before it writes.
            return value.clone() if name == "masked_fill_" else value
        if value.requires_grad:
            return value.to(input.dtype)
        value = value.item()
    if type(value) is float and _is_itself(value, input.dtype):
        return value
    if type(value) is int and input.dtype is _core.float32 and -(1 << 24) <= value <= 1 << 24:
        return float(value)
    if isinstance(value, complex) and input.dtype is _core.bool:
        return value != 0
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError(f"{name}: value {value} is complex, and input is {input.dtype}.")
    return _core.full((), value, dtype=input.dtype, device="cpu").item()


def _is_itself(value, dtype):
    """Whether every kernel makes the same of a float and of what a tensor of that dtype holds of it."""
    if dtype is _core.float32:
        return -3e38 < value < 3e38 or value - value != 0
    return dtype in _WIDE_EXPONENTS and (value == 0 or value - value != 0)


def _warn_of_repeats(input):
    _core._warn(
        f"masked_fill_ on expanded tensors writes some elements of {tuple(input.shape)} many times, "
        "for they share memory. clone() it first."
    )


@composite(out=False)
def masked_fill(input, mask, value):
    """input with value where mask is true."""
    return _masked_fill(input, mask, _check_mask(input, mask, value, "masked_fill"))


@composite(out=False, function=False)
def masked_fill_(input, mask, value):
    """masked_fill(), in place."""
    value = _check_mask(input, mask, value, "masked_fill_")
    try:
        return _masked_fill_(input, mask, value)
    except RuntimeError:
        repeated = [d for d, step in enumerate(input.stride()) if step == 0 and input.size(d) > 1]
        if not repeated or mask.dim() > input.dim():
            raise
    _warn_of_repeats(input)
    # An element is filled where any of its places is.
    mask = mask.expand(input.shape).amax(repeated, keepdim=True)
    once = input
    for d in repeated:
        once = once.narrow(d, 0, 1)
    _masked_fill_(once, mask, value)
    return input


def _two_dtypes(dtypes):
    if dtypes[0] != dtypes[1]:
        return f"input is {dtypes[0]}, but values are {dtypes[1]}. Convert one of them with .to()."
    return None


@pointwise(tensors=("input", "values"), smooth=False, rounds=True, refuses=_two_dtypes)
def heaviside(input, values):
    """0 below 0, 1 above 0, values at 0.

    Example:
        >>> torch.heaviside(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([1., 1.])
    """
    return k.where(input == 0, values, k.where(input > 0, 1, 0))
