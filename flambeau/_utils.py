"""What PyTorch's torch._utils has and programs use: rebuilt tensors, several tensors as one."""

import sys

from . import _core
from .serialization.unpickler import _rebuild_parameter, _rebuild_parameter_with_state

__all__ = [
    "ExceptionWrapper",
    "KeyErrorMessage",
    "_element_size",
    "_flatten_dense_tensors",
    "_get_available_device_type",
    "_get_device_module",
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


class KeyErrorMessage(str):
    """A text whose repr, which KeyError shows, is the text."""

    def __repr__(self):
        return str(self)


class ExceptionWrapper:
    """An exception on its way to another process or thread, with its traceback as text.

    exc_type (type or None): its class, None where that can't be sent. exc_msg (str): traceback and message.
    where (str): in which process or thread it was raised.
    """

    def __init__(self, exc_info=None, where="in background"):
        import pickle
        import traceback

        kind, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.where = where
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.name = kind.__name__
        try:
            self.exc_type = kind if pickle.loads(pickle.dumps(kind)) is kind else None
        except Exception:  # a class of a function's inside, or of the main program under spawn
            self.exc_type = None

    def reraise(self):
        """Raises it again, as the same type where that can be made from one text."""
        text = f"Caught {self.name} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            text = KeyErrorMessage(text)
        try:
            error = self.exc_type(text)
        except Exception:
            error = RuntimeError(text)
        raise error


def _get_available_device_type():
    """The kind of accelerator that is there: None."""
    return None


def _get_device_module(device_type):
    """The module of a kind of device: torch.cpu, torch.cuda ...

    Raises RuntimeError for a kind that has none.
    """
    import flambeau

    module = getattr(flambeau, device_type, None)
    if module is None:
        raise RuntimeError(
            f"_get_device_module: there is no module for devices of the kind {device_type!r}."
        )
    return module
