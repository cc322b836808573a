"""torch.cuda.FloatTensor, torch.cuda.FloatStorage and their like: types of tensors that there are none of."""

from .. import _core

_NONE = "flambeau is not compiled with CUDA enabled: it computes on the CPU."
# By the names that their types have: Float of FloatTensor.
_DTYPES = {
    getattr(_core, name)._type_name: getattr(_core, name)
    for name in "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
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
