"""The names by which a checkpoint file speaks of dtypes and storages, as PyTorch writes them."""

import functools
import operator

import flambeau

from ..storage.typed import NAMES

# dtype -> the class name under which PyTorch files a storage of it. The others have none: their
# storages are filed as bytes, and the dtype stands beside the tensor.
STORAGE_NAMES = NAMES

UNTYPED = ("torch.storage", "UntypedStorage")
REBUILD_NESTED = ("torch.nested._internal.nested_tensor", "_rebuild_njt")

DTYPE_NAMES = (
    *STORAGE_NAMES,
    *"uint16 uint32 uint64 complex32 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz "
    "float8_e8m0fnu float4_e2m1fn_x2 bits1x8 bits2x4 bits4x2 bits8 bits16".split(),
)


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


# Where PyTorch's classes and functions are public, the innermost first.
_SPACES = (
    "nn.utils.rnn optim.lr_scheduler optim.swa_utils optim distributions.transforms distributions.constraints "
    "distributions utils.data linalg fft special nn.init nn.functional nn.parameter nn return_types".split()
)


def pytorch_name(obj, name):
    """(module, name) under which PyTorch knows a class or function of ours; None: it has no such thing."""
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str) or not name:
        return None
    if module == "flambeau":
        return ("torch", name) if getattr(flambeau, name, None) is obj else None
    if not module.startswith("flambeau."):
        return None
    if module.startswith("flambeau.nn.modules."):
        return "torch" + module.removeprefix("flambeau"), name
    for space in _SPACES:
        if module.startswith(f"flambeau.{space.partition('.')[0]}"):
            found = operator.attrgetter(space)(flambeau)
            if getattr(found, name, None) is obj:
                return f"torch.{space}", name
    return None
