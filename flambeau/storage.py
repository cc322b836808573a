"""UntypedStorage: the memory behind a tensor, as bytes."""

from . import _core


class UntypedStorage:
    """The bytes that one or several tensors look at.

    Made from a number of bytes, from a sequence of their values, or by Tensor.untyped_storage(),
    which shares the tensor's memory.
    """

    is_cuda = False
    is_sparse = False
    is_sparse_csr = False
    filename = None  # of memory shared through a file; there is none yet

    def __init__(self, source=0, *, device=None):
        if isinstance(source, int):
            self._bytes = _core.empty(source, dtype=_core.uint8, device=device)
        else:
            self._bytes = _core.tensor(list(source), dtype=_core.uint8, device=device)

    @classmethod
    def _of(cls, tensor):
        """The storage of a tensor."""
        storage = cls.__new__(cls)
        data = _core.empty(0, dtype=_core.uint8)
        nbytes = _core._storage_nbytes(tensor)
        storage._bytes = _core._set_layout(data, tensor.detach(), 0, (nbytes,), (1,))
        return storage

    @property
    def device(self):
        """Where the memory lies."""
        return self._bytes.device

    def data_ptr(self):
        """The address of the first byte; 0 where there is none."""
        return _core._storage_ptr(self._bytes)

    def nbytes(self):
        """How many bytes there are."""
        return _core._storage_nbytes(self._bytes)

    size = __len__ = nbytes

    def element_size(self):
        """1: an element is a byte."""
        return 1

    def untyped(self):
        """The storage itself."""
        return self

    def is_shared(self):
        """Whether other processes see this memory: False."""
        return False

    def is_pinned(self, device="cuda"):
        """Whether a GPU can read this memory by itself: False."""
        return False

    def resizable(self):
        """Whether resize_() works: True."""
        return True

    def resize_(self, size):
        """Change the number of bytes; those that stay keep their values."""
        self._bytes.resize_(size)
        return self

    def fill_(self, value):
        """Set every byte."""
        self._bytes.fill_(value)
        return self

    def copy_(self, source, non_blocking=None):
        """Take the bytes of another storage."""
        self._bytes.copy_(source._bytes)
        return self

    def clone(self):
        """A copy with memory of its own."""
        return UntypedStorage._of(self._bytes.clone())

    def cpu(self):
        """The storage itself."""
        return self

    def cuda(self, device=None, non_blocking=False):
        """Raises RuntimeError where there is no CUDA device."""
        return UntypedStorage._of(self._bytes.cuda(device))

    def to(self, *, device, non_blocking=False):
        """The storage itself on the CPU; RuntimeError where there is no such device."""
        return UntypedStorage._of(self._bytes.to(device))

    def tolist(self):
        """The bytes as numbers."""
        return self._bytes.tolist()

    def __getitem__(self, index):
        if isinstance(index, slice):
            return UntypedStorage(self.tolist()[index])
        return self.tolist()[index]

    def __setitem__(self, index, value):
        self._bytes[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr() != 0

    def __hash__(self):
        return hash(self.data_ptr())

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]

    def __repr__(self):
        return f"[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"
