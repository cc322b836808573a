"""The standard's dtypes: promotion, kinds, limits, and what __array_namespace_info__ tells."""

import flambeau as fl
from flambeau import (
    bool,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

_KINDS = {
    "bool": (bool,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "real floating": (float32, float64),
    "complex floating": (complex64, complex128),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]


def isdtype(dtype, kind):
    """Whether dtype is of a kind: a dtype, "bool", "integral", "numeric" ..., or a tuple of these."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, fl.dtype):
        return dtype is kind
    if kind not in _KINDS:
        raise ValueError(f"isdtype: kind is {kind!r}, not a dtype or one of {', '.join(_KINDS)}.")
    # float16 and bfloat16 are beyond the standard, but no less floating.
    return dtype in _KINDS[kind] or (
        kind in ("real floating", "numeric") and dtype.is_floating_point
    )


def _dtype_of(value):
    return value.dtype if isinstance(value, fl.Tensor) else value


def can_cast(from_, to, /):
    """Whether an array or a dtype promotes to `to` without leaving its values."""
    from_ = _dtype_of(from_)
    return isdtype_lossless(from_, to)


def isdtype_lossless(given, to):
    """Whether promotion of both gives `to`, by the standard's table."""
    if given is to or given is bool:
        return True
    whole = isdtype(given, "integral")
    if whole and not isdtype(to, "integral"):
        return False
    return fl.promote_types(given, to) is to and not (
        given is uint64 and isdtype(to, "signed integer")
    )


def result_type(*arrays_and_dtypes):
    """The dtype that arrays, dtypes and Python numbers promote to."""
    dtypes = [_dtype_of(v) for v in arrays_and_dtypes if isinstance(v, fl.Tensor | fl.dtype)]
    numbers = [v for v in arrays_and_dtypes if not isinstance(v, fl.Tensor | fl.dtype)]
    if not dtypes:
        raise ValueError("result_type: expected at least one array or dtype.")
    dtype = dtypes[0]
    for other in dtypes[1:]:
        dtype = fl.promote_types(dtype, other)
    for number in numbers:
        dtype = fl.result_type(fl.empty(1, dtype=dtype), number)
    return dtype


def astype(x, dtype, /, *, copy=True, device=None):
    """The array in another dtype; with copy=False itself if it has that dtype already."""
    return x.to(device or "cpu", dtype, copy=copy)


class finfo:
    """Limits of a floating dtype, or of an array's: bits, eps, max, min, smallest_normal, dtype."""

    __slots__ = ("bits", "dtype", "eps", "max", "min", "smallest_normal")

    def __init__(self, type, /):
        limits = fl.finfo(_dtype_of(type))
        for name in self.__slots__:
            setattr(self, name, getattr(limits, name))
        self.dtype = getattr(fl, limits.dtype)


class iinfo:
    """Limits of an integer dtype, or of an array's: bits, max, min, dtype."""

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type, /):
        limits = fl.iinfo(_dtype_of(type))
        self.bits, self.max, self.min = limits.bits, limits.max, limits.min
        self.dtype = getattr(fl, limits.dtype)


class _Info:
    """What __array_namespace_info__() gives."""

    def capabilities(self):
        """What the namespace can do of what the standard leaves open."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self):
        """The CPU."""
        return fl.device("cpu")

    def default_dtypes(self, *, device=None):
        """The dtypes that new arrays have when none is named."""
        default = fl.get_default_dtype()
        return {
            "real floating": default,
            "complex floating": default.to_complex(),
            "integral": int64,
            "indexing": int64,
        }

    def devices(self):
        """The devices there are: the CPU."""
        return (fl.device("cpu"),)

    def dtypes(self, *, device=None, kind=None):
        """The standard's dtypes by name, of a kind or a tuple of kinds."""
        every = _KINDS["bool"] + _KINDS["numeric"]
        return {d.name: d for d in every if kind is None or isdtype(d, kind)}


def __array_namespace_info__():
    """An object that tells capabilities, devices and dtypes."""
    return _Info()
