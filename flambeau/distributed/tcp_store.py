"""TCPStore: a store in one process, which the others reach through sockets."""

import contextlib
import datetime
import socket
import threading
import weakref
from operator import attrgetter

from .book import Book, Patience, frame, read_frame
from .errors import DistNetworkError
from .store import Store

__all__ = ["TCPStore"]

_servers = weakref.WeakValueDictionary()  # port -> _Server of this process, for multi_tenant


class _Server:
    """Answers each connection in a thread of its own, for as long as a TCPStore holds it."""

    def __init__(self, port, listen_fd=None):
        if listen_fd is not None:
            self.socket = socket.socket(fileno=listen_fd)
        else:
            try:
                self.socket = socket.create_server(("", port), backlog=512)
            except OSError as error:
                raise DistNetworkError(
                    f"TCPStore: port {port} can't be listened on: {error.strerror}. Is another program's store "
                    "there? Port 0 takes a free one."
                ) from error
        self.port = self.socket.getsockname()[1]
        self.book = Book()
        threading.Thread(target=_accept, args=(self.socket, self.book), daemon=True).start()
        weakref.finalize(self, _close, self.socket)
        _servers[self.port] = self


def _close(listening):
    with contextlib.suppress(OSError):  # it wakes the thread that accepts
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def _accept(listening, book):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(connection, book), daemon=True).start()


def _answer(connection, book):
    with connection, contextlib.suppress(OSError, EOFError):
        while True:
            operation = read_frame(lambda n: _read(connection, n))
            try:
                answer = [b"", *book.do(operation)]
            except ValueError as error:
                answer = [str(error).encode() or b"error"]
            connection.sendall(frame(answer))


def _read(connection, n):
    content = b""
    while len(content) < n:
        part = connection.recv(n - len(content))
        if not part:
            raise EOFError
        content += part
    return content


class TCPStore(Store):
    """A store that one process keeps and all reach by its address.

    Args:
        host_name (str): the host of the process with is_master=True.
        port (int): its port; 0 takes a free one, which `port` then names.
        world_size (int, optional): how many processes there are; the master waits for them.
        is_master (bool): whether this process keeps the values.
        timeout (timedelta): how long it, get and wait wait; 300 s.
        wait_for_workers (bool): whether the master waits for world_size processes.
        multi_tenant (bool): whether a master on the same port of this process is shared.
        master_listen_fd (int, optional): a socket that already listens, the master's.
        use_libuv (bool): accepted; there is one server.

    Raises:
        DistNetworkError: the port is taken, or the master is not there within the time-out.
    """

    def __init__(self, host_name, port=29500, world_size=None, is_master=False,
                 timeout=datetime.timedelta(seconds=300), wait_for_workers=True, multi_tenant=False,
                 master_listen_fd=None, use_libuv=True):  # fmt: skip
        super().__init__()
        self._host, self._timeout, self._lock = host_name, timeout, threading.Lock()
        self._server = None
        if is_master:
            known = _servers.get(port) if multi_tenant and port else None
            self._server = known or _Server(port, master_listen_fd)
        self._port = port if self._server is None else self._server.port
        self._connection = self._connect()
        if world_size is not None and world_size > 0 and wait_for_workers:
            # Everyone says that it is here; the master waits for all.
            here = self.add("init/", 1)
            if here >= world_size:
                self.set("init/all", b"1")
            if is_master:
                self.wait(["init/all"])

    def _connect(self):
        patience = Patience(self._timeout.total_seconds())
        while True:
            try:
                connection = socket.create_connection((self._host, self._port), timeout=5)
                break
            except OSError as error:
                if not patience.waited():
                    raise DistNetworkError(
                        f"TCPStore: nobody answers at {self._host}, port {self._port}, within "
                        f"{self._timeout.total_seconds():g} s ({error}). Is the process with is_master=True there?"
                    ) from error
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    host = property(attrgetter("_host"), doc="The master's host.")
    port = property(attrgetter("_port"), doc="The master's port.")

    @property
    def libuvBackend(self):
        """Whether the server is libuv's: False."""
        return False

    def _do(self, *operation):
        with self._lock:
            try:
                self._connection.sendall(frame(operation))
                error, *answer = read_frame(lambda n: _read(self._connection, n))
            except (OSError, EOFError) as error:
                raise DistNetworkError(
                    f"TCPStore.{operation[0].decode()}: the master at {self._host}, port {self._port}, is gone."
                ) from error
        if error:
            raise ValueError(f"TCPStore.{operation[0].decode()}: {error.decode()}")
        return answer

    def clone(self):
        """Another connection to the same values, for another thread."""
        other = TCPStore.__new__(TCPStore)
        other.__dict__.update(self.__dict__, _lock=threading.Lock())
        other._connection = other._connect()
        return other

    def __del__(self):
        if "_connection" in self.__dict__:
            self._connection.close()
