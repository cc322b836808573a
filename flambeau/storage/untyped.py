"""UntypedStorage: the memory behind a tensor, as bytes."""

from operator import attrgetter

from .. import _core, types
from . import files


class UntypedStorage:
    """The bytes that one or several tensors look at.

    Made from a number of bytes, from a sequence of their values, or by Tensor.untyped_storage(),
    which shares the tensor's memory. Two are equal where they stand for the same memory.
    """

    is_sparse = False
    is_sparse_csr = False
    filename = None  # of memory that a file maps

    def __init__(self, source=0, *, device=None):
        if isinstance(source, int):
            if source < 0:
                raise RuntimeError(f"UntypedStorage: a storage of {source} bytes can't be.")
            self._anchor = _core.empty(source, dtype=_core.uint8, device=device)
        else:
            self._anchor = _core.tensor(_byte_values(source), dtype=_core.uint8, device=device)

    @classmethod
    def _of(cls, tensor):
        """The storage of a tensor."""
        storage = cls.__new__(cls)
        storage._anchor = _over(tensor, _core.uint8, 0)
        return storage

    def _elements(self, dtype):
        """All of the storage as a tensor of one dimension; bytes that fill no element are left out."""
        return _over(self._anchor, dtype, self.nbytes() // dtype.itemsize)

    def _elements_as(self, function, dtype):
        """What tensor(storage, dtype=dtype) shares; the core asks. Bytes are ints, so int64 unsaid."""
        return self._elements(_core.int64 if dtype is None else dtype)

    def _need_bytes(self, operation):
        """Raises NotImplementedError where there are none."""
        if self._anchor.is_meta:
            raise NotImplementedError(
                f"{operation}: a storage on the meta device has a size, but no bytes."
            )

    @property
    def _bytes(self):
        return self._elements(_core.uint8)

    @property
    def _cdata(self):
        """A number that this storage alone has."""
        return _core._storage_id(self._anchor)

    device = property(attrgetter("_anchor.device"), doc="Where the memory lies.")
    is_cuda = property(attrgetter("_anchor.is_cuda"), doc="Whether it lies in the memory of a GPU.")

    def get_device(self):
        """The index of the GPU whose memory it is; -1 for the CPU's."""
        return self._anchor.get_device()

    def data_ptr(self):
        """The address of the first byte; 0 where there is none."""
        return _core._storage_ptr(self._anchor) if self.nbytes() else 0

    def nbytes(self):
        """How many bytes there are."""
        return _core._storage_nbytes(self._anchor)

    size = __len__ = nbytes

    def element_size(self):
        """1: an element is a byte."""
        return 1

    def untyped(self):
        """The storage itself."""
        return self

    @classmethod
    def _new_shared(cls, size, *, device="cpu"):
        """A storage of so many bytes in memory that other processes can share."""
        if types.device(device).type != "cpu":
            raise NotImplementedError(
                f"_new_shared: processes share the CPU's memory, not {device}'s."
            )
        return cls._of(_core._allocate_shared(size))

    def is_shared(self):
        """Whether other processes see writes to this memory."""
        return _core._storage_is_shared(self._anchor)

    def share_memory_(self):
        """Move the bytes into memory that other processes can share, see flambeau.multiprocessing; itself."""
        _core._storage_share(self._anchor)
        return self

    def is_pinned(self, device="cuda"):
        """Whether a GPU can read this memory by itself."""
        return self._anchor.is_pinned()

    def pin_memory(self, device="cuda"):
        """A copy in page-locked memory; itself if it is there. Raises RuntimeError where there is no GPU."""
        pinned = self._bytes.pin_memory()
        return self if self.is_pinned() else UntypedStorage._of(pinned)

    def resizable(self):
        """Whether resize_() works: not for memory of another object."""
        return _core._storage_resizable(self._anchor)

    def resize_(self, size):
        """Change the number of bytes; those that stay keep their values.

        Made smaller, it keeps its block of memory, which tensors may still look at.
        """
        _core._storage_resize(self._anchor, size)
        return self

    def fill_(self, value):
        """Set every byte."""
        self[:] = value
        return self

    def copy_(self, source, non_blocking=None):
        """Take the bytes of another storage of as many."""
        source = source.untyped()
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"copy_: a storage of {self.nbytes()} bytes can't take the {source.nbytes()} of another."
            )
        if not self._anchor.is_meta:
            source._need_bytes("copy_")
        self._bytes.copy_(source._bytes)
        return self

    def byteswap(self, dtype):
        """Turn the bytes of each element of dtype around; of complex numbers, of each part."""
        width = dtype.to_real().itemsize if dtype.is_complex else dtype.itemsize
        elements = self._bytes[: self.nbytes() // width * width].view(-1, width)
        elements.copy_(elements.flip(1))

    def clone(self):
        """A copy with memory of its own."""
        return UntypedStorage._of(self._bytes.clone())

    def new(self):
        """An empty storage."""
        return UntypedStorage(device=self.device)

    def cpu(self):
        """The storage itself, or a copy where that is on another device."""
        return self.to(device="cpu")

    def cuda(self, device=None, non_blocking=False):
        """Raises RuntimeError where there is no CUDA device."""
        return UntypedStorage._of(self._bytes.cuda(device))

    def to(self, *, device, non_blocking=False):
        """The storage itself if it is on that device, else a copy there; RuntimeError if there is none."""
        device = types.device(device)
        if device != self.device:
            self._need_bytes(f"UntypedStorage.to({device})")
        return self if device == self.device else UntypedStorage._of(self._bytes.to(device))

    def type(self, dtype=None, non_blocking=False):
        """ "torch.UntypedStorage"; or the bytes' values as a storage of dtype."""
        return "torch.UntypedStorage" if dtype is None else _typed(self, _core.uint8).type(dtype)

    def tolist(self):
        """The bytes as numbers."""
        self._need_bytes("tolist")
        return self._bytes.tolist()

    @staticmethod
    def from_file(filename, shared=False, nbytes=0):
        """The bytes of a file, mapped; with shared=True writes reach the file, which grows to nbytes."""
        storage = UntypedStorage._of(files.map_file(filename, shared, nbytes))
        storage.filename = filename if shared else None
        return storage

    @staticmethod
    def from_buffer(buffer, byte_order=None, count=-1, offset=0, *, dtype):
        """A copy of a buffer of elements of dtype; byte_order ("native", "little", "big") is the buffer's."""
        return files.from_buffer(buffer, byte_order, count, offset, dtype).untyped_storage()

    def _write_file(self, file, is_real_file, save_size, element_size):
        """Write the number of elements (if save_size, 8 bytes) and the bytes to a file."""
        self._need_bytes("_write_file")
        if save_size:
            file.write((self.nbytes() // element_size).to_bytes(8, "little"))
        file.write(memoryview(self._bytes.numpy()))

    def __getitem__(self, index):
        self._need_bytes("UntypedStorage[...]")
        if isinstance(index, slice):
            start, stop, step = index.indices(self.nbytes())
            if step != 1:
                raise RuntimeError(f"UntypedStorage: a slice has step 1, not {step}.")
            return self._part(start, max(start, stop) - start)
        return self._bytes[_place(index, self.nbytes())].item()

    def _part(self, start, nbytes):
        """Some of the bytes, in the same memory."""
        if nbytes == 0:
            return UntypedStorage()
        address = _core._lent_address(self._anchor) if self.resizable() else self.data_ptr()
        part = (nbytes,), (1,)
        return UntypedStorage._of(
            _core._wrap_memory(address + start, nbytes, self._anchor, _core.uint8, *part)
        )

    def __setitem__(self, index, value):
        if not isinstance(value, int):
            raise RuntimeError(f"UntypedStorage: a byte is an int, not {type(value).__name__}.")
        if isinstance(index, slice):
            start, stop, step = index.indices(self.nbytes())
            if step != 1:
                raise RuntimeError(f"UntypedStorage: a slice has step 1, not {step}.")
            self._bytes[start : max(start, stop)] = value & 255
        else:
            self._bytes[_place(index, self.nbytes())] = value & 255

    def __iter__(self):
        return iter(self.tolist())

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self._cdata == other._cdata

    def __hash__(self):
        return hash(self._cdata)

    def __copy__(self):
        return self.clone()

    def __deepcopy__(self, memo):
        key = ("storage", self._cdata)  # tensors over this storage look there too
        if key not in memo:
            memo[key] = self.clone()
            memo[id(memo)] = [*memo.get(id(memo), ()), self]  # alive as long as its number is known
        return memo[key]

    def __reduce__(self):
        return _from_bytes, (bytes(self._bytes.numpy()),)

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes()

    def __repr__(self):
        return f"[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


def _cast(name):
    def cast(self):
        return getattr(_typed(self, _core.uint8), name)()

    cast.__name__, cast.__qualname__ = name, f"UntypedStorage.{name}"
    cast.__doc__ = f"The bytes' values as a storage of {name}."
    return cast


for _name in (
    "double float half bfloat16 long int short char byte bool complex_double complex_float "
    "float8_e5m2 float8_e4m3fn float8_e5m2fnuz float8_e4m3fnuz".split()
):
    setattr(UntypedStorage, _name, _cast(_name))


def _over(tensor, dtype, count):
    """A tensor of one dimension over the storage of another."""
    empty = _core.empty(0, dtype=dtype, device=tensor.device)
    return _core._set_layout(empty, tensor.detach(), 0, (count,), (1,), True)


def _place(index, size):
    if not -size <= index < size:
        raise IndexError(f"index {index} is outside of a storage of {size}.")
    return index


def _byte_values(source):
    try:
        values = list(source)
    except TypeError:
        raise RuntimeError(
            f"UntypedStorage: takes a number of bytes or a sequence of their values, not {type(source).__name__}."
        ) from None
    for value in values:
        if not isinstance(value, int):
            raise RuntimeError(
                f"UntypedStorage: the values of bytes are ints; one is {type(value).__name__}."
            )
    return [value & 255 for value in values]


def _typed(storage, dtype):
    from .typed import TypedStorage

    return TypedStorage(wrap_storage=storage, dtype=dtype)


def _from_bytes(content):
    storage = UntypedStorage(len(content))
    if content:
        storage._bytes.copy_(files.bytes_over(bytearray(content)))
    return storage
