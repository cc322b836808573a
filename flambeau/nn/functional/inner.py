"""Steps of attention, and small helpers, that layers of libraries import by PyTorch's names for them."""

import flambeau

from ...overrides import handle_torch_function
from ..modules.utils import _list_with_default, _pair, _single, _triple
from .grouped import grouped_mm

__all__ = [
    "_canonical_mask", "_get_softmax_dim",
    "_grouped_mm", "_in_projection", "_in_projection_packed", "_list_with_default", "_mha_shape_check", "_none_or_dtype",
    "_pair", "_single", "_triple", "_verify_batch_size", "handle_torch_function",
]  # fmt: skip


def _none_or_dtype(input):
    """A tensor's dtype; None of None."""
    if input is not None and not isinstance(input, flambeau.Tensor):
        raise RuntimeError(f"_none_or_dtype: takes a Tensor or None, not {type(input).__name__}.")
    return None if input is None else input.dtype


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as numbers to be added: -inf where a bool mask is true. Floating masks, and None, stay.

    Raises:
        RuntimeError: the mask is of integers.
    """
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype is not flambeau.bool:
        raise RuntimeError(f"{mask_name}: is {mask.dtype}; it must be bool or floating.")
    return flambeau.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the inputs of multi-head attention are batched: (L, N, E) rather than (L, E).

    Raises:
        AssertionError: they, or the masks, have other numbers of dims, or a mask for the heads other sizes.
    """
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"attention: query has {dims} dims; it must have 2, or 3 with batches."
        )
    allowed = {"key": (key, (dims,)), "value": (value, (dims,)), "key_padding_mask": (key_padding_mask, (dims - 1,)),
               "attn_mask": (attn_mask, (2, 3))}  # fmt: skip
    for name, (tensor, numbers) in allowed.items():
        if tensor is not None and tensor.dim() not in numbers:
            raise AssertionError(
                f"attention: {name} has {tensor.dim()} dims, not {' or '.join(map(str, numbers))}, as query has {dims}."
            )
    if dims == 2 and attn_mask is not None and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(
                f"attention: attn_mask is {tuple(attn_mask.shape)}, not {expected}."
            )
    return dims == 3


def _in_projection(q, k, v, w_q, w_k, w_v, b_q=None, b_k=None, b_v=None):
    """(query, key, value), each by its weight and bias."""
    linear = flambeau.nn.functional.linear
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _in_projection_packed(q, k, v, w, b=None):
    """[query, key, value], by weights and biases that lie one behind the other in w (3 E, E) and b (3 E)."""
    biases = (None,) * 3 if b is None else b.chunk(3)
    return list(_in_projection(q, k, v, *w.chunk(3), *biases))


def _get_softmax_dim(name, ndim, stacklevel):
    """The dim of softmax where none is given: 0 of 0, 1 and 3 dims, else 1."""
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size):
    """ValueError unless a channel has more than one value to take a mean of."""
    values = size[0]
    for n in size[2:]:
        values *= n
    if values == 1:
        raise ValueError(
            f"batch_norm: one value for each channel, input {tuple(size)}; training needs more."
        )


def _grouped_mm(input, mat2, offs=None, bias=None, out_dtype=None):
    """nn.functional.grouped_mm."""
    return grouped_mm(input, mat2, offs=offs, bias=bias, out_dtype=out_dtype)
