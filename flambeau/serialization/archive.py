"""Writes a checkpoint's zip archive: uncompressed records one after the other, then their list.

Python's zipfile reads it, but writes by seeking back and forth; here a record is one header and its bytes, so any
file object will do. The format: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3 (sizes beyond 4 GB).
"""

import struct

from .. import _core

ALIGNMENT = 64  # bytes, as PyTorch: a reader that maps the file gets aligned tensors

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MOST = 0xFFFFFFFF
_DATE = (1 << 5) + 1  # the first of January 1980: equal contents give equal files


class ArchiveWriter:
    """An archive in a file object, from where that stands; close() ends it.

    file (writable file object). folder (str): the folder of all records.
    """

    def __init__(self, file, folder="archive"):
        self.file = file
        self.folder = folder
        self.written = 0
        self.entries = []
        # Of what only writes, nothing else is asked: alignment then counts from the archive's beginning.
        self.start = file.tell() if hasattr(file, "seekable") and file.seekable() else 0

    def write_record(self, name, content, size=None):
        """A record of `size` bytes of content, by default all."""
        content = memoryview(content).cast("B")[:size]
        self._write_entry(name, content, len(content), _core._crc32(content))

    def reserve_record(self, name, size):
        """A record of zeros, which cost no memory and, in most file systems, no place on disk."""
        crc, piece, left = 0, bytes(min(size, 1 << 20)), size
        while left:
            crc = _core._crc32(piece[: min(left, len(piece))], crc)
            left -= min(left, len(piece))
        self._write_entry(name, None, size, crc)

    def _write_entry(self, name, content, size, crc):
        path = f"{self.folder}/{name}".encode()
        flags = 0 if path.isascii() else 0x800
        sizes, extra, version = (size, size), b"", 20
        if size > _MOST:
            sizes, extra, version = (_MOST, _MOST), struct.pack("<2H2Q", 1, 16, size, size), 45
        offset = self.written
        begin = self.start + offset + _LOCAL.size + len(path) + len(extra) + 4
        padding = -begin % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        fields = version, flags, 0, 0, _DATE, crc, *sizes, len(path), len(extra)
        self._write(_LOCAL.pack(b"PK\3\4", *fields) + path + extra)
        if content is not None:
            self._write(content)
        elif size:
            self._skip(size)
        self.entries.append((path, flags, crc, size, offset))

    def _write(self, content):
        self.file.write(content)
        self.written += len(content)

    def _skip(self, size):
        self.file.seek(size - 1, 1)
        self.file.write(b"\0")
        self.written += size

    def close(self):
        """Writes the list of records."""
        begin = self.written
        for path, flags, crc, size, offset in self.entries:
            long = [number for number in (size, size) if size > _MOST]
            long += [offset] if offset > _MOST else []
            extra = struct.pack(f"<2H{len(long)}Q", 1, 8 * len(long), *long) if long else b""
            version = 45 if long else 20
            fields = 3 << 8 | version, version, flags, 0, 0, _DATE, crc
            fields += min(size, _MOST), min(size, _MOST), len(path), len(extra), 0, 0, 0
            fields += 0o600 << 16, min(offset, _MOST)
            self._write(_CENTRAL.pack(b"PK\1\2", *fields) + path + extra)
        length, count, end = self.written - begin, len(self.entries), self.written
        if count > 0xFFFF or begin > _MOST or length > _MOST:
            fields = 44, 45, 45, 0, 0, count, count, length, begin
            self._write(_END_64.pack(b"PK\6\6", *fields) + _LOCATOR_64.pack(b"PK\6\7", 0, end, 1))
        count = min(count, 0xFFFF)
        fields = 0, 0, count, count, min(length, _MOST), min(begin, _MOST), 0
        self._write(_END.pack(b"PK\5\6", *fields))
