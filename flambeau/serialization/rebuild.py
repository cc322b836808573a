"""Tensors from their parts, and the parts of a tensor: layout, pickle, deepcopy."""

import functools

import flambeau

from .. import _core


def span_of(tensor):
    """(first, end): the elements of its storage between which all of the tensor lies."""
    offset = tensor.storage_offset()
    if tensor.numel() == 0:
        return offset, offset
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    return offset, offset + reach + 1


def is_contiguous_span(tensor):
    """True where the tensor has no gaps: every element of its span is used."""
    first, end = span_of(tensor)
    return tensor.numel() >= end - first


def is_lazy(tensor):
    """True where the bytes are not yet the values: a conjugate or negative view."""
    return tensor.is_conj() or tensor.is_neg()


def resolved(tensor):
    """The tensor with its values in its bytes."""
    return tensor.resolve_conj().resolve_neg() if is_lazy(tensor) else tensor


def from_storage(data, dtype, offset, size, stride):
    """A tensor of the given layout over a one-dimensional uint8 tensor, checked against its end.

    Raises:
        RuntimeError: the layout is not a layout, or reaches beyond the storage.
    """
    size, stride = tuple(size), tuple(stride)
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise RuntimeError(
            f"load: a tensor with sizes {size}, strides {stride} and offset {offset} can't be."
        )
    itemsize = dtype.itemsize
    end = 0 if 0 in size else offset + 1 + sum((n - 1) * s for n, s in zip(size, stride))
    if end * itemsize > data.numel():
        raise RuntimeError(
            f"load: a tensor with sizes {size}, strides {stride} and offset {offset} reaches "
            f"{end * itemsize} bytes into a storage of {data.numel()}: the file is damaged."
        )
    if 0 in size:
        return flambeau.empty_strided(size, stride, dtype=dtype, device=data.device)
    empty = flambeau.empty(0, dtype=dtype, device=data.device)
    return _core._set_layout(empty, data, offset, size, stride)


# Python's pickle: bytes and layout. (torch.save writes tensors in PyTorch's way instead.)


def reduce_tensor(tensor, protocol=2):
    """For Tensor.__reduce_ex__: a function and its arguments that make an equal tensor."""
    import pickle

    if _core._is_sparse(tensor):
        return _reduce_sparse(tensor)
    data = resolved(tensor.detach())
    if type(data) is not flambeau.Tensor:
        data = data.as_subclass(flambeau.Tensor)
    state = getattr(tensor, "__dict__", None) or None
    if type(tensor) is not flambeau.Tensor:
        # By way of a plain tensor, since picklers may know better what to do with one: that of
        # multiprocessing sends its memory.
        return dress, (_Plain(data), type(tensor), tensor.requires_grad, state)
    if data.is_meta:
        layout = tuple(data.shape), data.stride(), dtype_name(tensor.dtype)
        return rebuild_meta, (type(tensor), *layout, tensor.requires_grad, state)
    if not is_contiguous_span(data):
        data = data.contiguous()
    first, end = span_of(data)
    flat = data.as_strided((end - first,), (1,), first).view(flambeau.uint8).to("cpu").numpy()
    content = pickle.PickleBuffer(flat) if protocol >= 5 else flat.tobytes()
    return rebuild_tensor, (
        type(tensor),
        content,
        dtype_name(tensor.dtype),
        tuple(data.shape),
        tuple(data.stride()),
        tensor.requires_grad,
        str(tensor.device),
        state,
    )


def sparse_arguments(tensor):
    """(layout, parts): what PyTorch's files keep of a sparse tensor."""
    _, compressed, indices, values, _, coalesced = _core._sparse_parts(tensor)
    parts = (indices,) if compressed is None else (compressed, indices)
    end = (bool(coalesced),) if compressed is None else ()
    return tensor.layout, (*parts, values, tensor.size(), *end)


def rebuild_sparse(layout, parts):
    """The tensor that sparse_arguments took apart; its indices are checked, for a file may hold any."""
    if layout is flambeau.sparse_coo:
        indices, values, size, *coalesced = parts
        return flambeau.sparse_coo_tensor(
            indices,
            values,
            size,
            check_invariants=True,
            is_coalesced=bool(coalesced and coalesced[0]) or None,
        )
    compressed, plain, values, size = parts
    return flambeau.sparse_compressed_tensor(
        compressed, plain, values, size, layout=layout, check_invariants=True
    )


def _reduce_sparse(tensor):
    layout, parts = sparse_arguments(tensor.detach())
    state = getattr(tensor, "__dict__", None) or None
    return rebuild_dressed_sparse, (type(tensor), layout.name, parts, tensor.requires_grad, state)


def rebuild_dressed_sparse(cls, layout, parts, requires_grad, state):
    """What reduce_tensor took apart of a sparse tensor."""
    return dress(rebuild_sparse(getattr(flambeau, layout), parts), cls, requires_grad, state)


class _Plain:
    """A tensor that __torch_function__, which looks through results, does not dress as a subclass."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return _same, (self.tensor,)


def _same(tensor):
    return tensor


def rebuild_tensor(cls, content, dtype, size, stride, requires_grad, device, state):
    """What reduce_tensor took apart."""
    dtype = getattr(flambeau, dtype)
    import numpy

    data = flambeau.from_numpy(numpy.frombuffer(bytearray(content), "uint8"))
    tensor = from_storage(data, dtype, 0, size, stride).to(device)
    return dress(tensor, cls, requires_grad, state)


def rebuild_meta(cls, size, stride, dtype, requires_grad, state):
    """What reduce_tensor took apart of a tensor without bytes."""
    tensor = flambeau.empty_strided(size, stride, dtype=getattr(flambeau, dtype), device="meta")
    return dress(tensor, cls, requires_grad, state)


def dress(tensor, cls, requires_grad, state):
    """The class, the gradient flag and the attributes of a tensor."""
    if cls is not type(tensor):
        tensor = tensor.as_subclass(cls)
    if requires_grad:
        tensor.requires_grad_()
    for name, value in (state or {}).items():
        setattr(tensor, name, value)
    return tensor


@functools.cache
def dtype_name(dtype):
    return str(dtype).removeprefix("torch.").removeprefix("flambeau.")


def deepcopy_tensor(tensor, memo):
    """For Tensor.__deepcopy__: a copy with its own storage, shared with copies of its views.

    Raises:
        RuntimeError: the tensor is the result of a recorded operator.
    """
    if id(tensor) in memo:
        return memo[id(tensor)]
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "deepcopy: this tensor was computed, and a copy would lose its history. Use "
            "detach().clone(), or clone() to stay in the graph."
        )
    import copy
    import copyreg

    if _core._is_sparse(tensor):
        new = tensor.detach().clone()
    else:
        copied = copy.deepcopy(tensor.untyped_storage(), memo)
        new = flambeau.empty(0, dtype=tensor.dtype, device=tensor.device)
        layout = tensor.storage_offset(), tensor.size(), tensor.stride()
        new = _core._set_layout(new, copied._bytes, *layout)
    new = dress(new, type(tensor), tensor.requires_grad, None)
    memo[id(tensor)] = new
    if tensor.is_leaf and tensor.grad is not None:
        new.grad = copy.deepcopy(tensor.grad, memo)
    attributes = dict(getattr(tensor, "__dict__", {}))
    if type(tensor) is not flambeau.Tensor:
        slots = copyreg._slotnames(type(tensor))
        attributes.update((name, getattr(tensor, name)) for name in slots if hasattr(tensor, name))
    for name, value in attributes.items():
        setattr(new, name, copy.deepcopy(value, memo))
    return new
