"""Small types of the public interface: Size, device, layouts, memory formats, finfo and iinfo."""

import itertools
import operator
from _thread import _local
from functools import wraps

from . import _core

Number = int | float | bool  # in annotations

# What a tensor and a storage call their conversions to real dtypes.
CASTS = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
}

# What lists sizes or tensors and is no list has at most so many; some give items without end.
_MOST_ITEMS = 2**20


def listed(values):
    """The items of a sequence or an iterator as a list; the length of a sequence is asked once.

    Raises:
        RuntimeError: there are more than a million, and `values` is no list or tuple.
    """
    if isinstance(values, (list, tuple)):
        return list(values)
    if hasattr(type(values), "__len__") or not hasattr(type(values), "__iter__"):
        count = len(values)
        limit = min(count, _MOST_ITEMS + 1)
        if hasattr(type(values), "__iter__"):
            items = list(itertools.islice(values, limit))
        else:  # by the old protocol
            items = [values[i] for i in range(limit)]
    else:
        items = list(itertools.islice(values, _MOST_ITEMS + 1))
    if len(items) > _MOST_ITEMS:
        raise RuntimeError(
            f"{type(values).__name__} gives more than {_MOST_ITEMS} items where sizes or tensors "
            "are listed. If it does have an end, give a list."
        )
    return items


class NoSuchDevice(AssertionError, NotImplementedError):
    """There is no such device here. PyTorch raises an AssertionError for CUDA, others a RuntimeError."""


def no_cuda():
    """Why there is no CUDA device, in a sentence; with the words that programs look for."""
    return f"As if not compiled with CUDA enabled: {_core._cuda_state()[3]}"


def missing_device(operator, device):
    """The error for a device that is not there, to be raised."""
    why = "this build of flambeau computes on the CPU."
    if str(device).startswith("cuda"):
        why = f"{no_cuda()} Ask torch.cuda.is_available() first."
    return NoSuchDevice(f"{operator}: device '{device}' is not available: {why} Use 'cpu'.")


_NONE = ()  # the one empty tuple that Python has


class Size(_core._Sizes):
    """The sizes of a tensor's dimensions, a tuple."""

    __slots__ = ()

    def __new__(cls, iterable=()):
        if type(iterable) is cls:
            return iterable
        if iterable is _NONE:
            return tuple.__new__(cls)
        return tuple.__new__(cls, map(operator.index, listed(iterable)))

    def numel(self):
        """The number of elements of a tensor of these sizes."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __add__(self, other):
        return tuple.__new__(Size, tuple(self) + tuple(other))

    def __radd__(self, other):
        return tuple.__new__(Size, tuple(other) + tuple(self))

    def __mul__(self, count):
        return tuple.__new__(Size, tuple(self) * count)

    __rmul__ = __mul__

    def __reduce__(self):
        return (Size, (tuple(self),))


class device:
    """Where tensors lie: device("cpu"), device("cuda", 1), device("cuda:1")."""

    __slots__ = ("type", "index")
    TYPES = ("cpu", "cuda", "meta", "mps", "xpu")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(
                f"device: type must be a str such as 'cpu', not {type.__class__.__name__}."
            )
        name, colon, number = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"device: {type!r} holds an index, and another was given. Give one."
                )
            if not number.isdigit():
                raise RuntimeError(
                    f"device: {type!r} is no device. Write 'cpu', or a type and an index such as "
                    "'cuda:0'."
                )
            index = int(number)
        if name not in self.TYPES:
            is_dtype = isinstance(getattr(_core, name, None), _core.dtype)
            raise RuntimeError(
                f"device: {name!r} is no type of devices; {', '.join(self.TYPES)} are."
                + (f" For the dtype write torch.{name}." if is_dtype else "")
            )
        if index is not None and index < 0:
            raise RuntimeError(f"device: index is {index}; it must be 0 or more.")
        self.type, self.index = name, index

    def __repr__(self):
        return (
            f"device(type={self.type!r})"
            if self.index is None
            else f"device(type={self.type!r}, index={self.index})"
        )

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return (device, (self.type,) if self.index is None else (self.type, self.index))

    def __enter__(self):
        _left_defaults().append(_core._set_default_device(self))
        return self

    def __exit__(self, *exception):
        _core._set_default_device(_left_defaults().pop())
        return False

    def __call__(self, function):
        """`function`, called with this device as the default one."""

        @wraps(function)
        def on_device(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return on_device


_of_thread = _local()


def _left_defaults():
    """The default devices that the contexts of this thread go back to."""
    if not hasattr(_of_thread, "left_defaults"):
        _of_thread.left_defaults = []
    return _of_thread.left_defaults


class DeviceError(RuntimeError, TypeError):
    """Tensors of one call lie on different devices."""


class OutOfMemoryError(RuntimeError):
    """No memory for a tensor; the message lists the largest live ones."""


class _Named:
    """A constant that prints as torch.<name>."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name


class layout(_Named):
    """How a tensor's elements are laid out: strided, or one of the sparse layouts."""

    __slots__ = ()


class qscheme(_Named):
    """How the numbers of a quantized tensor are laid over integers: a name, since there are no such tensors here."""

    __slots__ = ()


class memory_format(_Named):
    """An order of a tensor's dimensions in memory."""

    __slots__ = ()


strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")
LAYOUTS = (
    strided,
    sparse_coo,
    sparse_csr,
    sparse_csc,
    sparse_bsr,
    sparse_bsc,
)  # as numbered in the core
_core._set_layouts(LAYOUTS)
jagged = layout("jagged")  # of nested tensors, which the core does not know
QSCHEMES = {
    name: qscheme(name)
    for name in "per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric "
    "per_channel_affine_float_qparams".split()
}
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

# name: (bits, significand bits, smallest normal exponent, largest exponent)
_FLOATS = {
    "float16": (16, 10, -14, 15),
    "bfloat16": (16, 7, -126, 127),
    "float32": (32, 23, -126, 127),
    "float64": (64, 52, -1022, 1023),
    "float8_e4m3fn": (8, 3, -6, 8),
    "float8_e5m2": (8, 2, -14, 15),
    "float8_e4m3fnuz": (8, 3, -7, 7),
    "float8_e5m2fnuz": (8, 2, -15, 15),
    "float8_e8m0fnu": (8, 0, -127, 127),
}
_RESOLUTIONS = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-15}


_UNSAID = object()


def _dtype_of(function, given):
    """The dtype that finfo and iinfo are asked about; a Python type stands for its own."""
    if given is _UNSAID:
        return _core.get_default_dtype()
    python = {bool: _core.bool, int: _core.int64, float: _core.float64, complex: _core.complex128}
    dtype = python.get(given) if isinstance(given, type) else given
    if not isinstance(dtype, _core.dtype):
        raise TypeError(f"{function}: takes a dtype such as torch.float32, not {given!r}.")
    return dtype


class finfo:
    """Limits of a floating dtype: bits, eps, min, max, tiny, smallest_normal, resolution."""

    __slots__ = ("dtype", "bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution")

    def __init__(self, type=_UNSAID):
        dtype = _dtype_of("finfo", type)
        if not dtype.is_floating_point and not dtype.is_complex:
            raise TypeError(f"finfo: takes a floating dtype, not {dtype}. Use iinfo for integers.")
        self.dtype = dtype.to_real().name
        if self.dtype not in _FLOATS:
            raise NotImplementedError(
                f"finfo: {dtype} is only stored here; its limits are not known."
            )
        self.bits, digits, low, high = _FLOATS[self.dtype]
        self.eps = 2.0**-digits
        self.max = (2.0 - self.eps) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low
        if self.dtype == "float8_e4m3fn":  # its last significand is the NaN
            self.max, self.min = 448.0, -448.0
        elif self.dtype == "float8_e5m2fnuz":  # as PyTorch has it: half the step from 1 to the next
            self.eps = 0.125
        elif self.dtype == "float8_e8m0fnu":  # powers of two
            self.max, self.min = 2.0**127, 2.0**-127
        self.resolution = _RESOLUTIONS.get(self.dtype, 1.0)

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


_INTEGERS = frozenset(
    "uint8 int8 int16 int32 int64 uint16 uint32 uint64 quint8 qint8 qint32".split()
)


class iinfo:
    """Limits of an integer dtype: bits, min, max."""

    __slots__ = ("dtype", "bits", "min", "max")

    def __init__(self, type):
        type = _dtype_of("iinfo", type)
        if type.name not in _INTEGERS:
            raise TypeError(
                f"iinfo: takes an integer dtype, not {type}. Use finfo for floating ones."
            )
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        signed = "uint" not in self.dtype
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.max = 2 ** (self.bits - 1) - 1 if signed else 2**self.bits - 1

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


for _class in (
    Size,
    device,
    DeviceError,
    OutOfMemoryError,
    layout,
    qscheme,
    memory_format,
    finfo,
    iinfo,
):
    _class.__module__ = "flambeau"  # where programs know them

cpu, meta = device("cpu"), device("meta")
_core._set_types(Size, device, cpu, meta, OutOfMemoryError, DeviceError, NoSuchDevice)


def __getattr__(name):
    """The names that annotations use (type_names.py), made when they are asked for."""
    if name[:2] != "__":
        from . import type_names

        if (value := vars(type_names).get(name)) is not None:
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
