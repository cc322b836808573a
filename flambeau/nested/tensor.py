"""NestedTensor, and how one is made."""

from operator import attrgetter

import flambeau

from .. import _core, types
from ..printing import tensor_repr

__all__ = [
    "NestedTensor",
    "as_nested_tensor",
    "masked_select",
    "nested_tensor",
    "nested_tensor_from_jagged",
]


class RaggedSize:
    """The size of a ragged dim: equal only to that of tensors with the same lengths."""

    count = 0

    def __init__(self):
        self.number = RaggedSize.count
        RaggedSize.count += 1

    def __repr__(self):
        return f"j{self.number}"


class NestedTensor(flambeau.Tensor):
    """Sequences of unequal lengths as one tensor, of shape (B, j, *).

    As a Tensor it is the sequences' elements in a row; what it answers is of the nested tensor.
    """

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        from .operators import call

        return call(func, args, kwargs or {})

    def __repr__(self):
        values = plain(self)
        shape = ", ".join(map(str, self.shape))
        grad = ", requires_grad=True" if values.requires_grad and values.is_leaf else ""
        grad = f", grad_fn={values.grad_fn.name()}" if values.grad_fn is not None else grad
        return f"NestedTensor(size=({shape}), offsets={tensor_repr(self._offsets)}{grad}, contiguous=True)"

    layout = property(
        attrgetter("_layout"), doc="torch.jagged, or torch.strided where that was asked for."
    )

    def to_padded_tensor(self, padding, output_size=None):
        """nested.to_padded_tensor."""
        from .operators import to_padded_tensor

        return to_padded_tensor(self, padding, output_size)

    def values(self):
        """The elements of all sequences in a row: (sum of lengths, *) if the ragged dim is 1."""
        return plain(self)

    def offsets(self):
        """(B + 1): where each sequence begins in values(), and the last one ends."""
        return self._offsets

    def lengths(self):
        """None: there are no holes between sequences; offsets().diff() are the lengths."""
        return None

    def __copy__(self):
        return like(plain(self).detach(), self).requires_grad_(self.requires_grad)

    def __deepcopy__(self, memo):
        import copy

        if self.requires_grad and not self.is_leaf:
            raise RuntimeError(
                "deepcopy: this nested tensor was computed, and a copy would lose its history. Use detach().clone()."
            )
        if id(self) not in memo:
            copied = like(copy.deepcopy(plain(self).detach(), memo), self)
            memo[id(self)] = copied.requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        return _rebuilt, (plain(self).detach(), self._offsets, self._ragged, self.requires_grad)


def plain(nested):
    """The elements of a nested tensor in a row, with their history."""
    with flambeau._C.DisableTorchFunctionSubclass():
        return nested.as_subclass(flambeau.Tensor)


def wrapped(values, offsets, ragged=1, size=None, layout=types.jagged):
    """A nested tensor of values, whose dim ragged - 1 is cut at offsets."""
    with flambeau._C.DisableTorchFunctionSubclass():
        nested = values.as_subclass(NestedTensor)
    nested.__dict__.update(
        _offsets=offsets,
        _ragged=ragged,
        _size=RaggedSize() if size is None else size,
        _layout=layout,
    )
    return nested


def like(values, nested, ragged=None):
    """A nested tensor of values with the lengths of another."""
    ragged = nested._ragged if ragged is None else ragged
    return wrapped(values, nested._offsets, ragged, nested._size, nested._layout)


def _rebuilt(values, offsets, ragged, requires_grad):
    return wrapped(values, offsets, ragged).requires_grad_(requires_grad)


def nested_tensor(
    tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A nested tensor of copies of tensors, or of lists of numbers; a leaf.

    Args:
        tensor_list (list of Tensor): (n_i, *S) each, with lengths n_i of their own.
        layout: torch.jagged; strided, PyTorch's default, is stored the same way.

    Raises:
        NotImplementedError: more than the first dim is ragged.

    Example:
        >>> from flambeau import nested
        >>> x = nested.nested_tensor([flambeau.ones(2, 3), flambeau.ones(1, 3)], layout=flambeau.jagged)
        >>> x.sum(1)
        tensor([[2., 2., 2.],
                [1., 1., 1.]])
    """
    if pin_memory:
        raise NotImplementedError("nested_tensor: pin_memory=True is not offered.")
    _advise_layout("nested_tensor", layout)
    tensors = [flambeau.as_tensor(t, dtype=dtype, device=device).detach() for t in tensor_list]
    return (
        of_rows(tensors, layout, "nested_tensor", dtype, device)
        .detach()
        .requires_grad_(requires_grad)
    )


def as_nested_tensor(ts, dtype=None, device=None, layout=None):
    """A nested tensor of tensors, with their history; of a tensor (B, n, *), its rows.

    Raises:
        NotImplementedError: more than the first dim is ragged.
    """
    if isinstance(ts, NestedTensor):
        return ts.to(dtype=dtype, device=device)
    _advise_layout("as_nested_tensor", layout)
    tensors = [flambeau.as_tensor(t, dtype=dtype, device=device) for t in ts]
    return of_rows(tensors, layout, "as_nested_tensor", dtype, device)


def _advise_layout(name, layout):
    if layout is not types.jagged:
        _core._warn_once(
            "nested tensors",
            f"{name}: PyTorch may still change nested tensors, the strided ones above all. Pass layout=torch.jagged.",
        )


def of_rows(tensors, layout, name, dtype=None, device=None):
    if layout not in (None, types.strided, types.jagged):
        raise RuntimeError(f"{name}: layout is {layout}; it must be torch.jagged or torch.strided.")
    if not tensors and layout is types.jagged:
        raise RuntimeError(f"{name}: the list is empty; a jagged tensor has at least one sequence.")
    if not tensors:
        nothing = flambeau.zeros(0, dtype=dtype, device=device)
        return wrapped(nothing, flambeau.zeros(1, dtype=flambeau.int64), layout=types.strided)
    if any(t.dim() == 0 for t in tensors):
        raise RuntimeError(f"{name}: a number has no length; every tensor needs a dim.")
    if len({(t.shape[1:], t.dtype) for t in tensors}) > 1:
        raise NotImplementedError(
            f"{name}: the tensors have the shapes {[tuple(t.shape) for t in tensors[:5]]}; only the first dim may be "
            "ragged, and the dtype is one."
        )
    lengths = flambeau.tensor([0, *(t.size(0) for t in tensors)], device=tensors[0].device)
    return wrapped(flambeau.cat(tensors), lengths.cumsum(0), layout=layout or types.strided)


def nested_tensor_from_jagged(
    values, offsets=None, lengths=None, jagged_dim=None, min_seqlen=None, max_seqlen=None
):
    """A nested tensor over elements in a row, without a copy.

    Args:
        values (Tensor): (sum of lengths, *S).
        offsets (Tensor): (B + 1), where sequences begin and the last one ends; or lengths (B).
        jagged_dim (int): 1 by default: which dim of the result is ragged.
        min_seqlen, max_seqlen (int): told for speed; they are not needed.

    Raises:
        RuntimeError: neither offsets nor lengths are given, or they do not fit values.
        NotImplementedError: both are given, so that there would be holes.
    """
    if offsets is None and lengths is None:
        raise RuntimeError("nested_tensor_from_jagged: needs offsets or lengths.")
    if offsets is not None and lengths is not None:
        raise NotImplementedError(
            "nested_tensor_from_jagged: offsets with lengths (with holes) are not offered."
        )
    if offsets is None:
        offsets = flambeau.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    ragged = 1 if jagged_dim is None else jagged_dim
    if offsets.dim() != 1 or len(offsets) < 2 or not 1 <= ragged <= values.dim():
        raise RuntimeError(
            f"nested_tensor_from_jagged: offsets {tuple(offsets.shape)} must be (B + 1), and jagged_dim {ragged} from 1 "
            f"to {values.dim()}."
        )
    ends = offsets.tolist()
    if ends[0] != 0 or ends[-1] != values.size(ragged - 1) or ends != sorted(ends):
        raise RuntimeError(
            f"nested_tensor_from_jagged: offsets go from {ends[0]} to {ends[-1]}; they must ascend from 0 to "
            f"{values.size(ragged - 1)}, the number of elements."
        )
    return wrapped(values, offsets, ragged)


def masked_select(tensor, mask):
    """A nested tensor of the elements of a tensor (B, n) where a mask, broadcast to it, is True."""
    if tensor.dim() != 2 or mask.dtype != _core.bool:
        raise RuntimeError(
            f"nested.masked_select: tensor {tuple(tensor.shape)} must be (B, n), and mask of bool, not {mask.dtype}."
        )
    mask = mask.expand(tensor.shape)
    return nested_tensor_from_jagged(tensor.masked_select(mask), lengths=mask.sum(1))


def _nested_tensor_from_mask(t, mask, mask_check=True):
    """The nested tensor of what a mask of padding leaves of each row.

    Args:
        t (Tensor): (B, L, D).
        mask (Tensor): (B, L), bool: True in front, False behind.
        mask_check (bool): whether a mask with gaps raises; else a row's elements are those left, together.

    Raises:
        RuntimeError: sizes or dtypes are others, or the mask has gaps.
    """
    name = "_nested_tensor_from_mask"
    if mask.dtype is not flambeau.bool or mask.dim() != 2 or t.dim() != 3:
        raise RuntimeError(
            f"{name}: takes a tensor (B, L, D) and a mask (B, L) of bool, not {tuple(t.shape)} and "
            f"{tuple(mask.shape)} of {mask.dtype}."
        )
    if mask.shape != t.shape[:2]:
        raise RuntimeError(
            f"{name}: the mask is {tuple(mask.shape)}, but the tensor {tuple(t.shape)}."
        )
    if mask_check and not _nested_tensor_from_mask_left_aligned(t, mask):
        raise RuntimeError(
            f"{name}: the mask has gaps: each row must be True in front and False behind."
        )
    lengths = mask.sum(1)
    offsets = flambeau.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return wrapped(t[mask], offsets, layout=types.strided)


def _nested_tensor_from_mask_left_aligned(t, mask):
    """Whether each row of a mask is True in front and False behind."""
    return not (mask[:, 1:] & ~mask[:, :-1]).any().item()
