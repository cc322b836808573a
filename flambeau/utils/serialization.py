"""load_lua: files that Lua Torch wrote with torch.save, as PyTorch read them until 2018.

The format, binary and little-endian, is that of Torch7's File:writeObject
(https://github.com/torch/torch7/blob/master/doc/serialization.md): an int32 for the kind of an object, then the object;
tables and torch objects have a number, by which they are named when they come again.
"""

import os
import struct

import flambeau as torch

__all__ = ["T7ReaderException", "load_lua"]

_NIL, _NUMBER, _STRING, _TABLE, _TORCH, _BOOLEAN = range(6)
_FUNCTIONS = (6, 7, 8)
_DTYPES = {
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Short": torch.int16,
    "Int": torch.int32,
    "Long": torch.int64,
    "Half": torch.float16,
    "Float": torch.float32,
    "Double": torch.float64,
}
_DIMENSIONS = {
    "dimension",
    "inputDimension",
    "outputDimension",
}  # counted from 1 there, from 0 here
_MOST_DEPTH = 200


class T7ReaderException(Exception):
    """A file that is not what Torch7 writes, or holds what cannot be read."""


class hashable_uniq_dict(dict):
    """A table of Lua with keys that are not 1 to n; equal to itself alone, so that it may be a key."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


class TorchObject:
    """An object of a class that is not known here: `torch_typename` and its fields, `torch_obj`."""

    def __init__(self, typename, obj):
        self.torch_typename, self.torch_obj = typename, obj

    def __getattr__(self, name):
        fields = self.__dict__.get("torch_obj")
        if isinstance(fields, dict) and name in fields:
            return fields[name]
        raise AttributeError(f"{self.__dict__.get('torch_typename')} has no field {name!r}.")

    def __repr__(self):
        return f"TorchObject({self.torch_typename}, {self.torch_obj!r})"


def load_lua(filename, unknown_classes=False, long_size=8, force_8bytes_long=False):
    """Read a .t7 file in binary form: tensors, tables, strings, numbers, and modules of nn.

    Args:
        filename (path).
        unknown_classes (bool): give objects of classes that are not known as TorchObject instead of refusing them.
        long_size (int): bytes of a long where the file was written, 4 or 8.
        force_8bytes_long (bool): the same as long_size=8.

    Returns:
        A tensor, a storage as a tensor of one dimension, a list (a table with keys 1 to n), a dict (other tables), a
        str, a number, a bool, None, or a module of flambeau.legacy.nn with the fields of the file.

    Raises:
        T7ReaderException: the file is cut off or no such file, or holds functions or unknown classes.
    """
    if force_8bytes_long:
        long_size = 8
    if long_size not in (4, 8):
        raise ValueError(f"load_lua: long_size must be 4 or 8, got {long_size}.")
    with open(filename, "rb") as file:
        return _Reader(file, os.path.getsize(filename), long_size, unknown_classes).read()


class _Reader:
    def __init__(self, file, size, long_size, unknown_classes):
        self.file, self.size, self.unknown = file, size, unknown_classes
        self.long = "<i" if long_size == 4 else "<q"
        self.known, self.depth = {}, 0

    def _wrong(self, what):
        return T7ReaderException(f"load_lua: {what}, at byte {self.file.tell()} of {self.size}.")

    def bytes(self, count):
        if not 0 <= count <= self.size - self.file.tell():
            raise self._wrong(f"{count} bytes are announced, more than there are")
        return self.file.read(count)

    def number(self, form):
        return struct.unpack(form, self.bytes(struct.calcsize(form)))[0]

    def integer(self):
        return self.number("<i")

    def text(self):
        return self.bytes(self.integer()).decode("latin-1")

    def longs(self, count):
        size = struct.calcsize(self.long)
        if count > 128:
            raise self._wrong(f"a tensor of {count} dimensions")
        data = self.bytes(size * count)
        return [struct.unpack_from(self.long, data, size * i)[0] for i in range(count)]

    def read(self):
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise self._wrong("tables lie too deep within each other")
        try:
            return self._read()
        finally:
            self.depth -= 1

    def _read(self):
        kind = self.integer()
        if kind == _NIL:
            return None
        if kind == _NUMBER:
            value = self.number("<d")
            return int(value) if value.is_integer() else value
        if kind == _STRING:
            return self.text()
        if kind == _BOOLEAN:
            return self.integer() == 1
        if kind in _FUNCTIONS:
            raise self._wrong("the file holds a function of Lua, which cannot be read")
        if kind not in (_TABLE, _TORCH):
            raise self._wrong(
                f"{kind} is no kind of object; the file is not in Torch7's binary form"
            )
        index = self.integer()
        if index not in self.known:
            self._table(index) if kind == _TABLE else self._object(index)
        return self.known[index]

    def _table(self, index):
        table = self.known[index] = hashable_uniq_dict()
        for _ in range(self.integer()):
            key = self.read()
            try:
                table[key] = self.read()
            except TypeError:
                raise self._wrong(f"a {type(key).__name__} is the key of a table") from None
        if (
            table
            and all(type(key) is int for key in table)
            and sorted(table) == [*range(1, len(table) + 1)]
        ):
            self.known[index] = [table[i] for i in range(1, len(table) + 1)]

    def _object(self, index):
        version = self.text()
        name = self.text() if version.startswith("V ") else version
        family, _, short = name.partition(".")
        for ending, read in (("Tensor", self._tensor), ("Storage", self._storage)):
            if (
                family == "torch"
                and short.endswith(ending)
                and short.removesuffix(ending) in _DTYPES
            ):
                self.known[index] = read(_DTYPES[short.removesuffix(ending)])
                return
        if family == "nn" and short in torch.legacy.nn.__all__:
            cls = getattr(torch.legacy.nn, short)
            module = self.known[index] = cls.__new__(cls)
            self._fill(module)
            return
        if not self.unknown:
            raise self._wrong(
                f"the file holds a {name}, which is not known; unknown_classes=True reads its fields"
            )
        made = self.known[index] = TorchObject(name, None)
        made.torch_obj = self.read()

    def _fill(self, module):
        from ..legacy.nn import Criterion, Module

        (Criterion if isinstance(module, Criterion) else Module).__init__(module)
        fields = self.read()
        if not isinstance(fields, dict):
            raise self._wrong(f"the fields of {module!r} are no table")
        for name, value in fields.items():
            if name in _DIMENSIONS and isinstance(value, int) and value > 0:
                value -= 1
            if name == "modules" and isinstance(value, dict):
                value = list(value.values())
            if isinstance(name, str) and not name.startswith("__"):
                setattr(module, name, value)

    def _tensor(self, dtype):
        ndim = self.integer()
        if ndim < 0:
            raise self._wrong(f"a tensor of {ndim} dimensions")
        sizes, strides = self.longs(ndim), self.longs(ndim)
        offset = self.number(self.long) - 1
        storage = self.read()
        if storage is None or ndim == 0:
            return torch.empty(0, dtype=dtype)
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides))
        if min(*sizes, offset, *strides) < 0 or (0 not in sizes and last >= len(storage)):
            raise self._wrong(
                f"a tensor of sizes {sizes} and strides {strides} lies outside its storage"
            )
        return storage.as_strided(sizes, strides, offset)

    def _storage(self, dtype):
        count = self.number(self.long)
        data = bytearray(self.bytes(count * dtype.itemsize))
        return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
