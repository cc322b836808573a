"""TypedStorage: a storage with the dtype of its elements, and its older names by dtype."""

import functools
from operator import attrgetter

from .. import _core, types
from . import files
from .untyped import UntypedStorage, _place

NAMES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
    "quint8": "QUInt8Storage",
    "qint8": "QInt8Storage",
    "qint32": "QInt32Storage",
    "quint4x2": "QUInt4x2Storage",
    "quint2x4": "QUInt2x4Storage",
}
_CASTS = {
    **types.CASTS,
    "complex_double": "complex128",
    "complex_float": "complex64",
    "float8_e5m2": "float8_e5m2",
    "float8_e4m3fn": "float8_e4m3fn",
    "float8_e5m2fnuz": "float8_e5m2fnuz",
    "float8_e4m3fnuz": "float8_e4m3fnuz",
}

_WHOLE_NUMBERS = {
    "quint8": "uint8", "qint8": "int8", "qint32": "int32", "quint4x2": "uint8", "quint2x4": "uint8",
}  # fmt: skip


def _kept_as(dtype):
    """The dtype of the numbers that elements are kept as: of quantized ones whole numbers."""
    name = str(dtype).removeprefix("torch.")
    return getattr(_core, _WHOLE_NUMBERS[name]) if name in _WHOLE_NUMBERS else dtype


@functools.cache
def _dtype_to_storage_type_map():
    """dtype -> the name of its storage's class."""
    return {getattr(_core, dtype): name for dtype, name in NAMES.items()}


class TypedStorage:
    """The memory of tensors as elements of one dtype.

    TypedStorage(dtype=...), TypedStorage(size, dtype=...), TypedStorage(sequence, dtype=...) have
    memory of their own; TypedStorage(wrap_storage=untyped, dtype=...) shares it.
    """

    is_sparse = False
    is_cuda = property(lambda self: self._untyped_storage.is_cuda, doc="Whether on a GPU.")
    filename = property(lambda self: self._untyped_storage.filename, doc="Of a mapped file.")

    def __new__(cls, *args, wrap_storage=None, dtype=None, device=None, _internal=False):
        self = object.__new__(cls)
        if wrap_storage is None and not _internal:
            _core._warn_once(
                "TypedStorage",
                "TypedStorage: is deprecated. Use UntypedStorage, which counts bytes, or a tensor.",
            )
        if wrap_storage is not None:
            if args:
                raise RuntimeError("TypedStorage: wrap_storage excludes positional arguments.")
            if dtype is None:
                raise RuntimeError("TypedStorage: wrap_storage needs a dtype.")
            if device is not None:
                raise RuntimeError(
                    "TypedStorage: wrap_storage has a device; device= can't be given."
                )
            if not isinstance(wrap_storage, UntypedStorage):
                raise TypeError(
                    f"TypedStorage: wrap_storage must be an UntypedStorage, not {type(wrap_storage).__name__}."
                )
            self._untyped_storage = wrap_storage
        dtype = _core.get_default_dtype() if dtype is None else dtype
        if not isinstance(dtype, _core.dtype):
            raise TypeError(f"TypedStorage: dtype must be a torch.dtype, not {dtype!r}.")
        self._dtype = dtype
        if wrap_storage is None:
            self._untyped_storage = UntypedStorage._of(_elements(args, _kept_as(dtype), device))
        return self

    dtype = property(attrgetter("_dtype"), doc="The type of the elements.")
    device = property(attrgetter("_untyped_storage.device"), doc="Where the memory lies.")
    _cdata = property(
        attrgetter("_untyped_storage._cdata"), doc="A number that this storage alone has."
    )

    def _tensor(self):
        return self._untyped_storage._elements(self._dtype)

    def _numbers(self):
        """The elements as they are read and written; of quantized ones the whole numbers kept for them."""
        return self._untyped_storage._elements(_kept_as(self._dtype))

    def _elements_as(self, function, dtype):
        """What tensor(storage, dtype=dtype) shares; the core asks."""
        if dtype not in (None, self._dtype):
            raise RuntimeError(
                f"{function}: the storage holds {self._dtype}, and dtype is {dtype}. Leave dtype "
                "out and convert with .to(), or give storage.untyped() to read its bytes."
            )
        return self._tensor()

    def _like(self, tensor):
        return TypedStorage(wrap_storage=UntypedStorage._of(tensor), dtype=tensor.dtype)

    def untyped(self):
        """The same memory as bytes."""
        return self._untyped_storage

    def size(self):
        """The number of elements."""
        return self._untyped_storage.nbytes() // self._dtype.itemsize

    __len__ = _size = size

    def nbytes(self):
        """How many bytes there are."""
        return self._untyped_storage.nbytes()

    _nbytes = nbytes

    def element_size(self):
        """Bytes to an element."""
        return self._dtype.itemsize

    _element_size = element_size

    def data_ptr(self):
        """The address of the first element; 0 where there is none."""
        return self._untyped_storage.data_ptr()

    _data_ptr = data_ptr

    def get_device(self):
        """The index of the GPU whose memory it is; -1 for the CPU's."""
        return self._untyped_storage.get_device()

    def is_pinned(self, device="cuda"):
        """Whether a GPU can read this memory by itself."""
        return self._untyped_storage.is_pinned(device)

    def pin_memory(self, device="cuda"):
        """A copy in page-locked memory; itself if it is there. Raises RuntimeError where there is no GPU."""
        pinned = self._untyped_storage.pin_memory(device)
        return TypedStorage(wrap_storage=pinned, dtype=self._dtype)

    def _new_shared(self, size, *, device="cpu"):
        """A storage of so many elements of this dtype in memory that other processes can share."""
        made = UntypedStorage._new_shared(size * self._dtype.itemsize, device=device)
        return TypedStorage(wrap_storage=made, dtype=self._dtype)

    def is_shared(self):
        """Whether other processes see writes to this memory."""
        return self._untyped_storage.is_shared()

    _is_shared = is_shared

    def share_memory_(self):
        """Move the elements into memory that other processes can share; itself."""
        self._untyped_storage.share_memory_()
        return self

    _share_memory_ = share_memory_

    def resizable(self):
        """Whether resize_() works: not for memory of another object."""
        return self._untyped_storage.resizable()

    def resize_(self, size):
        """Change the number of elements; those that stay keep their values."""
        self._untyped_storage.resize_(size * self._dtype.itemsize)

    _resize_ = resize_

    def fill_(self, value):
        """Set every element."""
        self[:] = value
        return self

    def copy_(self, source, non_blocking=None):
        """Take the bytes of another storage of as many."""
        self._untyped_storage.copy_(source.untyped())
        return self

    def tolist(self):
        """The elements as numbers."""
        self._untyped_storage._need_bytes("tolist")
        return self._numbers().tolist()

    def clone(self):
        """A copy with memory of its own."""
        return self._like(self._tensor().clone())

    def cpu(self):
        """The storage itself."""
        self._untyped_storage.cpu()  # raises on meta
        return self

    def cuda(self, device=None, non_blocking=False):
        """Raises RuntimeError where there is no CUDA device."""
        return self._like(self._tensor().cuda(device))

    def to(self, *, device, non_blocking=False):
        """The storage itself on the CPU; RuntimeError where there is no such device."""
        moved = self._untyped_storage.to(device=device, non_blocking=non_blocking)
        return TypedStorage(wrap_storage=moved, dtype=self._dtype)

    def pickle_storage_type(self):
        """The name under which files know storages of this dtype."""
        name = _dtype_to_storage_type_map().get(self._dtype)
        if name is None:
            raise KeyError(f"storages of {self._dtype} have no name of their own.")
        return name

    _pickle_storage_type = pickle_storage_type

    def _get_legacy_storage_class(self):
        return LEGACY.get(_dtype_to_storage_type_map().get(self._dtype))

    def type(self, dtype=None, non_blocking=False):
        """The name ("torch.FloatStorage"), or the values as another dtype, storage class or name."""
        if dtype is None:
            name = _dtype_to_storage_type_map().get(self._dtype)
            return f"torch.{name}" if name else f"torch.storage.TypedStorage({self._dtype})"
        if isinstance(dtype, str):
            dtype = LEGACY.get(dtype.rpartition(".")[2])
        dtype = getattr(dtype, "dtype", dtype)
        if not isinstance(dtype, _core.dtype):
            raise ValueError("type: takes a dtype, a storage class or its name.")
        return self._like(self._tensor().to(dtype, copy=True))

    @classmethod
    def from_buffer(cls, buffer, byte_order=None, count=-1, offset=0, *, dtype=None):
        """A copy of a buffer of elements of dtype; byte_order ("native", "little", "big") is the buffer's."""
        dtype = dtype or _core.get_default_dtype()
        made = files.from_buffer(buffer, byte_order, count, offset, dtype)
        return TypedStorage(wrap_storage=UntypedStorage._of(made), dtype=dtype)

    _from_buffer = from_buffer

    @classmethod
    def from_file(cls, filename, shared=False, size=0, *, dtype=None):
        """The elements of a file, mapped; with shared=True writes reach the file, which grows as needed."""
        dtype = dtype or _core.get_default_dtype()
        mapped = UntypedStorage.from_file(filename, shared, size * dtype.itemsize)
        return TypedStorage(wrap_storage=mapped, dtype=dtype)

    def _write_file(self, file, is_real_file, save_size, element_size):
        self._untyped_storage._write_file(file, is_real_file, save_size, element_size)

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise RuntimeError("TypedStorage: slices can be set, not read. Use untyped()[a:b].")
        if not isinstance(index, int):
            raise RuntimeError(f"TypedStorage: an index is an int, not {type(index).__name__}.")
        self._untyped_storage._need_bytes("TypedStorage[...]")
        return self._numbers()[_place(index, self.size())].item()

    def __setitem__(self, index, value):
        if not isinstance(index, (int, slice)):
            raise RuntimeError(
                f"TypedStorage: an index is an int or a slice, not {type(index).__name__}."
            )
        if isinstance(value, (TypedStorage, UntypedStorage)):
            raise RuntimeError(f"TypedStorage: an element can't be a {type(value).__name__}.")
        if isinstance(index, int):
            _place(index, self.size())
        self._numbers()[index] = value

    _setitem = __setitem__

    def __iter__(self):
        return iter(self.tolist())

    def __copy__(self):
        return self.clone()

    def __deepcopy__(self, memo):
        copy = self._untyped_storage.__deepcopy__(memo)
        return TypedStorage(wrap_storage=copy, dtype=self._dtype)

    _deepcopy = __deepcopy__

    def __reduce__(self):
        return _wrap, (self._untyped_storage, self._dtype)

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes()

    def __repr__(self):
        text = f"[torch.storage.TypedStorage(dtype={self._dtype}, device={self.device}) of size {len(self)}]"
        return "".join(f" {value}\n" for value in self.tolist()) + text


def _cast(name, dtype):
    def cast(self):
        return self.type(dtype)

    cast.__name__, cast.__qualname__ = name, f"TypedStorage.{name}"
    cast.__doc__ = f"The values as a storage of {dtype}."
    return cast


for _name, _dtype in _CASTS.items():
    setattr(TypedStorage, _name, _cast(_name, getattr(_core, _dtype)))


def _elements(args, dtype, device):
    if len(args) > 1:
        raise RuntimeError("TypedStorage: takes one size or one sequence.")
    if device is not None:
        types.device(device)  # raises for a name that is none
    source = args[0] if args else 0
    if isinstance(source, int):
        if source < 0:
            raise RuntimeError(f"TypedStorage: a storage of {source} elements can't be.")
        return _core.empty(source, dtype=dtype, device=device)
    if isinstance(source, _core.Tensor) or not hasattr(source, "__len__"):
        raise TypeError(f"TypedStorage: takes a size or a sequence, not {type(source).__name__}.")
    return _core.tensor(list(source), dtype=dtype, device=device)


def _wrap(storage, dtype):
    return TypedStorage(wrap_storage=storage, dtype=dtype)


# ------------------------------------------------------------------------------------ older names


class _LegacyMeta(type):
    """isinstance(storage, torch.FloatStorage) asks for the dtype."""

    def __instancecheck__(cls, storage):
        return isinstance(storage, TypedStorage) and cls.dtype in (None, storage.dtype)

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


class _LegacyStorage(TypedStorage, metaclass=_LegacyMeta):
    """What FloatStorage and its like have in common: they make TypedStorages of their dtype."""

    dtype = None

    def __new__(cls, *args, wrap_storage=None, **options):
        if cls.dtype is None:
            raise RuntimeError("_LegacyStorage: make one of a dtype, as FloatStorage(3).")
        options.pop("_internal", None)
        for name in options:
            if name in ("dtype", "device"):
                raise RuntimeError(
                    f"{cls.__name__}: its {name} is settled; {name}= can't be given."
                )
            raise TypeError(f"{cls.__name__}: got an unexpected keyword argument {name!r}.")
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)

    @classmethod
    def from_buffer(cls, buffer, byte_order=None, count=-1, offset=0):
        """A copy of a buffer of elements; byte_order ("native", "little", "big") is the buffer's."""
        return TypedStorage.from_buffer(buffer, byte_order, count, offset, dtype=cls.dtype)

    _from_buffer = from_buffer

    @classmethod
    def from_file(cls, filename, shared=False, size=0):
        """The elements of a file, mapped; with shared=True writes reach the file, which grows as needed."""
        return TypedStorage.from_file(filename, shared, size, dtype=cls.dtype)


LEGACY = {
    name: _LegacyMeta(
        name,
        (_LegacyStorage,),
        {
            "dtype": getattr(_core, dtype),
            "_dtype": getattr(_core, dtype),
            "__module__": "flambeau",
            "__doc__": f"{name}(3), {name}([1, 2]): a TypedStorage of {dtype}.",
        },
    )
    for dtype, name in NAMES.items()
}
