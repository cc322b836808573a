"""The names by which a checkpoint file speaks of dtypes and storages, as PyTorch writes them."""

import functools

import flambeau

from ..storage.typed import NAMES

# dtype -> the class name under which PyTorch files a storage of it. The unsigned 16, 32 and 64 bit
# types have none: their storages are filed as bytes, and the dtype stands beside the tensor.
STORAGE_NAMES = NAMES

UNTYPED = ("torch.storage", "UntypedStorage")

DTYPE_NAMES = (*STORAGE_NAMES, "uint16", "uint32", "uint64")


class StorageType:
    """What a storage's class name stands for: a dtype, or None for plain bytes."""

    def __init__(self, dtype):
        self.dtype = dtype


@functools.cache
def storage_types():
    """(module, name) -> StorageType."""
    types = {
        ("torch", storage): StorageType(getattr(flambeau, dtype))
        for dtype, storage in STORAGE_NAMES.items()
    }
    types[UNTYPED] = StorageType(None)
    return types


@functools.cache
def dtypes():
    """name -> dtype."""
    return {name: getattr(flambeau, name) for name in DTYPE_NAMES}


@functools.cache
def dtype_names():
    """dtype -> name."""
    return {dtype: name for name, dtype in dtypes().items()}
