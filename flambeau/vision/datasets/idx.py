"""IDX, the file format of MNIST: two zero bytes, type, ndim, sizes, then the values, big-endian."""

import gzip
import lzma
import math
import os

import flambeau

_TYPES = {
    0x08: ("u1", "uint8"),
    0x09: ("i1", "int8"),
    0x0B: (">i2", "int16"),
    0x0C: (">i4", "int32"),
    0x0D: (">f4", "float32"),
    0x0E: (">f8", "float64"),
}
_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


def read_idx(path):
    """The tensor in an IDX file, compressed (by its name, .gz or .xz) or not.

    Raises:
        RuntimeError: not such a file, or one that is cut off or too long.
    """
    import numpy

    try:
        with _OPENERS.get(os.path.splitext(path)[1], open)(path, "rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise RuntimeError(f"read_idx: {path} is damaged: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise RuntimeError(f"read_idx: {path} is no IDX file, it begins with {content[:4]!r}.")
    stored, native = _TYPES[content[2]]
    ndim = content[3]
    start = 4 + 4 * ndim
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    expected = start + math.prod(sizes) * numpy.dtype(stored).itemsize
    if len(content) != expected:
        raise RuntimeError(
            f"read_idx: {path} has {len(content)} bytes, but sizes {sizes} need {expected}."
        )
    values = numpy.frombuffer(content, stored, offset=start).astype(native).reshape(sizes)
    return flambeau.from_numpy(values)
