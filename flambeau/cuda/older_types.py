"""torch.cuda.FloatTensor, torch.cuda.FloatStorage and their like: types of tensors that there are none of."""

from .. import _core

_NONE = "flambeau is not compiled with CUDA enabled: it computes on the CPU."
_DTYPES = {
    "Float": _core.float32,
    "Double": _core.float64,
    "Half": _core.float16,
    "BFloat16": _core.bfloat16,
    "Long": _core.int64,
    "Int": _core.int32,
    "Short": _core.int16,
    "Char": _core.int8,
    "Byte": _core.uint8,
    "Bool": _core.bool,
    "ComplexFloat": _core.complex64,
    "ComplexDouble": _core.complex128,
}


class _Absent(type):
    """isinstance(x, torch.cuda.FloatTensor) is False; making one raises TypeError."""

    is_cuda, is_sparse = True, False

    def __instancecheck__(cls, x):
        return False

    def __call__(cls, *args, **kwargs):
        raise TypeError(f"cuda.{cls.__name__}: {_NONE}")

    def __repr__(cls):
        return f"<class 'torch.cuda.{cls.__name__}'>"


def _refuses(name):
    def refuse(cls, *args, **kwargs):
        raise RuntimeError(f"cuda.{cls.__name__}.{name}: there is no CUDA storage. {_NONE}")

    return classmethod(refuse)


_OF_STORAGES = {
    name: _refuses(name) for name in ("from_buffer", "_new_with_weak_ptr", "_new_shared_filename")
}

TYPES = {}
for _kind, _dtype in _DTYPES.items():
    _members = {"dtype": _dtype, "__module__": "flambeau.cuda"}
    if not _kind.startswith("Complex"):
        TYPES[_kind + "Tensor"] = _Absent(_kind + "Tensor", (), dict(_members))
    TYPES[_kind + "Storage"] = _Absent(_kind + "Storage", (), _members | _OF_STORAGES)
