"""Methods of Tensor about the memory behind it: storages, sharing, and being a view."""

from . import _core


def untyped_storage(self):
    """The memory of the tensor, all of it, as bytes."""
    from .storage import UntypedStorage

    return UntypedStorage._of(self)


def storage(self):
    """The memory of the tensor, all of it, as elements of its dtype: a TypedStorage."""
    _core._warn_once(
        "TypedStorage",
        "storage: TypedStorage is deprecated. Use untyped_storage(), which counts bytes, or the tensor itself.",
    )
    return _typed_storage(self)


def _typed_storage(self):
    """storage()."""
    from .storage import TypedStorage, UntypedStorage

    return TypedStorage(wrap_storage=UntypedStorage._of(self), dtype=self.dtype)


def storage_type(self):
    """The class of storage(), by dtype: torch.FloatStorage ..."""
    return self.storage()._get_legacy_storage_class()


def is_shared(self):
    """Whether other processes see writes to this tensor's memory."""
    return _core._storage_is_shared(self)


def share_memory_(self):
    """Move the storage into memory that other processes can share; the tensor itself.

    Processes forked from now on, and those that get the tensor through flambeau.multiprocessing, see what this
    one writes, and the other way round.
    """
    _core._storage_share(self)
    return self


def _is_view(self):
    """Whether the tensor shows memory of another, _base."""
    return self._base is not None


def _fix_weakref(self):
    """Nothing: a weak reference to a tensor is to this very object as long as it lives."""


METHODS = (
    untyped_storage,
    storage,
    _typed_storage,
    storage_type,
    is_shared,
    share_memory_,
    _is_view,
    _fix_weakref,
)
