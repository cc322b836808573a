"""Connections that carry file descriptors beside their bytes.

A message is a header (length of the bytes, number of descriptors), sent together with the first
descriptors; a byte for each further lot of them; then the bytes.
"""

import array
import contextlib
import errno
import io
import os
import socket
import struct
import time
from multiprocessing import connection, reduction

from . import parcel

_HEADER = struct.Struct("!QI")
_LOT = 250  # descriptors that one call may send: the kernel allows 253
_SPACE = socket.CMSG_SPACE(4 * _LOT)
_TOGETHER = 1 << 16  # bytes that are sent in one piece with the header


class Connection(connection.Connection):
    """One end of a Pipe, as Python's, which tensors pass without a copy."""

    def send(self, obj):
        """Send an object; tensors and storages in it move into shared memory."""
        with parcel.packing():
            super().send(obj)

    def shutdown(self):
        """Ends the connection for every process that holds one of its ends."""
        with _channel(self._handle) as channel, contextlib.suppress(OSError):
            channel.shutdown(socket.SHUT_RDWR)

    def _send_bytes(self, buf):
        handles = parcel.packed()
        content = memoryview(buf).cast("B")
        parts = [_HEADER.pack(len(content), len(handles))]
        if len(handles) <= _LOT and len(content) <= _TOGETHER:
            parts.append(content)
            content = content[:0]
        self._send_with(parts, handles[:_LOT])
        for start in range(_LOT, len(handles), _LOT):
            self._send_with([b"\0"], handles[start : start + _LOT])
        self._write(content)

    def _send_with(self, parts, handles):
        """Sends bytes, and descriptors with the first of them."""
        if handles:
            sent = self._send_descriptors(parts, [handle.descriptor for handle in handles])
        else:
            sent = os.writev(self._handle, parts)
        for part in parts:
            self._write(memoryview(part)[sent:])
            sent = max(0, sent - len(part))

    def _send_descriptors(self, parts, descriptors):
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        pause = 1e-4
        with _channel(self._handle) as channel:
            while True:
                try:
                    return channel.sendmsg(parts, beside)
                except OSError as error:
                    # As many descriptors are on their way as this user may have: until one is read.
                    if error.errno != errno.ETOOMANYREFS:
                        raise
                time.sleep(pause)
                pause = min(2 * pause, 0.01)

    def _write(self, content):
        while content:
            content = content[os.write(self._handle, content) :]

    def _recv_bytes(self, maxsize=None):
        header, descriptors = self._receive_with(_HEADER.size)
        try:
            length, count = _HEADER.unpack(header)
            while len(descriptors) < count:
                descriptors += self._receive_with(1)[1]
            if maxsize is not None and length > maxsize:
                raise OSError("the message is longer than it may be")
            content = bytearray(length)
            rest = memoryview(content)
            while rest:
                n = os.readv(self._handle, [rest])
                if n == 0:
                    raise EOFError
                rest = rest[n:]
        finally:
            parcel.arrived(descriptors)  # which closes them if nobody takes them
        return io.BytesIO(content)

    def _receive_with(self, nbytes):
        """Exactly so many bytes, and the descriptors that came with them."""
        content, descriptors = b"", []
        while len(content) < nbytes:
            with _channel(self._handle) as channel:
                part, beside, flags, _ = channel.recvmsg(
                    nbytes - len(content), _SPACE, socket.MSG_CMSG_CLOEXEC
                )
            for level, kind, data in beside:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors += memoryview(data[: len(data) // 4 * 4]).cast("i").tolist()
            if flags & socket.MSG_CTRUNC:
                parcel.arrived(descriptors)
                raise OSError(
                    errno.EMFILE,
                    "recv: no file descriptor is left for the shared memory of a tensor. Raise the limit "
                    "(ulimit -n), or call multiprocessing.set_sharing_strategy('file_system') in the "
                    "sender",
                )
            if not part:
                raise EOFError
            content += part
        return content, descriptors


@contextlib.contextmanager
def _channel(handle):
    """A socket object for a moment: one that stayed could close the connection's descriptor."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=handle)
    try:
        if channel.gettimeout() is not None:
            channel.settimeout(None)
        yield channel
    finally:
        channel.detach()


def Pipe(duplex=True):
    """Two connected ends; with duplex=False the first receives and the second sends.

    Returns:
        (Connection, Connection).
    """
    ends = socket.socketpair()
    first, second = (end.detach() for end in ends)
    if duplex:
        return Connection(first), Connection(second)
    return Connection(first, writable=False), Connection(second, readable=False)


def _reduce(conn):
    return _rebuild, (reduction.DupFd(conn.fileno()), conn.readable, conn.writable)


def _rebuild(duplicated, readable, writable):
    return Connection(duplicated.detach(), readable, writable)


reduction.register(Connection, _reduce)
