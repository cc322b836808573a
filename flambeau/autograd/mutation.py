"""Writing in place to tensors that backward needs: the old values are copied before the write."""

import threading
import weakref

from .. import _core
from .grad_mode import no_grad

_state = threading.local()


class _Handle:
    """What a node keeps in place of a tensor."""

    __slots__ = ("__weakref__",)


class _Context:
    """The tensors that were saved, and the copies made of those written since; both last as long as their nodes."""

    def __init__(self):
        self.tid_to_weakhandle = weakref.WeakValueDictionary()
        self.originals = weakref.WeakKeyDictionary()
        self.cloned = weakref.WeakKeyDictionary()

    def pack(self, tensor):
        """A handle; one for all that save the same values."""
        key = (
            _memory(tensor),
            tensor.dtype,
            tensor._version,
            tensor.storage_offset(),
            tuple(tensor.shape),
            tensor.stride(),
        )
        handle = self.tid_to_weakhandle.get(key)
        if handle is None:
            handle = self.tid_to_weakhandle[key] = _Handle()
            self.originals[handle] = (
                tensor.detach(),
                tensor._version,
            )  # its history leads to the handle
        return handle

    def unpack(self, handle):
        """The values as they were saved."""
        if getattr(_state, "context", None) is not self:
            raise AssertionError(
                "allow_mutation_on_saved_tensors: backward runs outside of the context in which forward ran."
            )
        if handle in self.cloned:
            return self.cloned[handle]
        tensor, version = self.originals[handle]
        if tensor._version != version:
            raise RuntimeError(
                "allow_mutation_on_saved_tensors: a tensor needed for backward has been modified by an inplace "
                "operation that no operator of Python's level announced, so its values were not copied before. "
                "clone() it before that write."
            )
        return tensor

    def before_write(self, tensor):
        """Copy what was saved of the memory that is about to be written."""
        memory = _memory(tensor)
        for handle, (original, version) in list(self.originals.items()):
            if _memory(original) == memory and original._version == version:
                with no_grad():
                    self.cloned[handle] = original.clone()
                del self.originals[handle]

    def clear(self):
        self.tid_to_weakhandle.clear()
        self.originals.clear()
        self.cloned.clear()


def _memory(tensor):
    # Not through untyped_storage(): whoever has that may write, so it counts as a write.
    return tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()


def _written(function, args, kwargs):
    """The tensors that a call will write to."""
    name = getattr(function, "__name__", "")
    out = kwargs.get("out")
    written = list(out) if isinstance(out, (tuple, list)) else [out]
    inplace = name.endswith("_") and not name.endswith("__")
    inplace = inplace or name == "__setitem__" or (name.startswith("__i") and name.endswith("__"))
    if inplace or kwargs.get("inplace"):
        written.append(args[0] if args else kwargs.get("input"))
    return [tensor for tensor in written if isinstance(tensor, _core.Tensor)]


class allow_mutation_on_saved_tensors:
    """While in force, tensors that backward needs may be written in place: their old values are copied first.

    Forward and backward both run inside. What the context gives holds the copies, in `cloned`.
    """

    def __enter__(self):
        from ..overrides import TorchFunctionMode
        from .graph import saved_tensors_hooks

        if getattr(_state, "context", None) is not None:
            raise RuntimeError(
                "allow_mutation_on_saved_tensors: one is in force already; they do not nest."
            )
        context = _Context()

        class CopyBeforeWrite(TorchFunctionMode):
            def __torch_function__(self, function, types, args=(), kwargs=None):
                kwargs = kwargs or {}
                if context.originals:
                    for tensor in _written(function, args, kwargs):
                        context.before_write(tensor)
                return function(*args, **kwargs)

        self._parts = saved_tensors_hooks(context.pack, context.unpack), CopyBeforeWrite()
        for part in self._parts:
            part.__enter__()
        self._context = _state.context = context
        return context

    def __exit__(self, *exception):
        _state.context = None
        self._context.clear()
        for part in reversed(self._parts):
            part.__exit__(*exception)
