"""The memory behind tensors: UntypedStorage (bytes), TypedStorage (elements), FloatStorage and its like."""

from .typed import LEGACY, TypedStorage, _dtype_to_storage_type_map, _LegacyStorage
from .untyped import UntypedStorage

__all__ = ["LEGACY", "StorageBase", "TypedStorage", "UntypedStorage", "_LegacyStorage"]
__all__ += ["_storage_classes", "_dtype_to_storage_type_map", *LEGACY]
globals().update(LEGACY)
StorageBase = UntypedStorage  # what torch._C calls the type behind it
_storage_classes = {TypedStorage, UntypedStorage, *LEGACY.values()}
for _class in (TypedStorage, UntypedStorage, _LegacyStorage):
    _class.__module__ = __name__
