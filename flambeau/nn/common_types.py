"""Annotations of sizes: a number, or so many of them."""

from typing import TypeVar

from .._core import Tensor

__all__ = ["T", "Tensor"]

T = TypeVar("T")


def _size(count):
    """A number for all dimensions, or a tuple of one for each."""
    return T | (tuple[T, ...] if count is None else tuple[(T,) * count])


def _optional_size(count):
    """The same where some may be left open (None)."""
    return T | None | (tuple[T | None, ...] if count is None else tuple[(T | None,) * count])


_scalar_or_tuple_any_t = _size(None)
_scalar_or_tuple_1_t, _scalar_or_tuple_2_t, _scalar_or_tuple_3_t = map(_size, (1, 2, 3))
_scalar_or_tuple_4_t, _scalar_or_tuple_5_t, _scalar_or_tuple_6_t = map(_size, (4, 5, 6))
_size_any_t = _scalar_or_tuple_any_t[int]
_size_1_t, _size_2_t, _size_3_t = (_size(count)[int] for count in (1, 2, 3))
_size_4_t, _size_5_t, _size_6_t = (_size(count)[int] for count in (4, 5, 6))
_size_any_opt_t, _size_2_opt_t, _size_3_opt_t = (_optional_size(c)[int] for c in (None, 2, 3))
_ratio_2_t, _ratio_3_t, _ratio_any_t = (_size(count)[float] for count in (2, 3, None))
_tensor_list_t = Tensor | list[Tensor]
_maybe_indices_t = Tensor | tuple[Tensor, Tensor]
