"""What PyTorch's torch._utils has and programs use: rebuilt tensors, several tensors as one."""

from . import _core
from .serialization.unpickler import _rebuild_parameter, _rebuild_parameter_with_state

__all__ = [
    "_element_size",
    "_flatten_dense_tensors",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_unflatten_dense_tensors",
]


def _element_size(dtype):
    """Bytes to an element of dtype."""
    return dtype.itemsize


def _rebuild_tensor(storage, storage_offset, size, stride):
    """A tensor of the given layout over a TypedStorage."""
    return _core.empty(0, dtype=storage.dtype).set_(storage, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None
):
    """_rebuild_tensor(), which may require grad."""
    return _rebuild_tensor(storage, storage_offset, size, stride).requires_grad_(requires_grad)


def _flatten_dense_tensors(tensors):
    """All elements of several tensors of one dtype, in a row."""
    return _core.cat([t.reshape(-1) for t in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """The parts of `flat` in the sizes of tensors, as views."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view(t.shape) for part, t in zip(parts, tensors))
