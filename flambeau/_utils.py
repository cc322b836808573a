"""What PyTorch's torch._utils has and programs use: rebuilt tensors, several tensors as one."""

import sys

from . import _core
from .serialization.unpickler import _rebuild_parameter, _rebuild_parameter_with_state
from .types import device as _device

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
        try:
            raise error
        finally:
            del error  # its traceback has this frame: together they would keep the callers' locals, workers too


def _get_device_index(device, optional=False, allow_cpu=False):
    """The number of a device: of "cuda:1" and of 1 it is 1.

    Raises:
        ValueError: it has no number, unless it is the CPU with allow_cpu, which is -1, or `optional`, where it is 0.
    """
    if isinstance(device, int):
        return device
    device = None if device is None else _device(device)
    if device is not None and device.type == "cpu":
        if allow_cpu:
            return -1
        raise ValueError(f"_get_device_index: {device} is no device with a number.")
    if device is not None and device.index is not None:
        return device.index
    if not optional:
        raise ValueError(f"_get_device_index: {device} names no number. Write 'cuda:0'.")
    return 0


def is_compiling():
    """torch.compiler.is_compiling()."""
    import flambeau

    return flambeau.compiler.is_compiling()


def _take_tensors(tensors, size_limit):
    """Lists of tensors of one type, each with size_limit bytes or a little more, in order."""
    waiting = {}
    for tensor in tensors:
        held = waiting.setdefault(tensor.type(), [])
        held.append(tensor)
        if sum(t.numel() * t.element_size() for t in held) >= size_limit:
            yield waiting.pop(tensor.type())
    yield from waiting.values()


class classproperty:
    """A property of a class."""

    def __init__(self, func):
        self.func = func

    def __get__(self, instance, owner):
        return self.func(owner)


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
