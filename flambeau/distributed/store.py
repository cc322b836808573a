"""Stores: dictionaries of bytes that several processes share, by which they find each other."""

import contextlib
import datetime
import fcntl
import os
import weakref
from operator import attrgetter

from .book import CHANGING, Book, Patience, frame, read_frame
from .errors import DistStoreError, QueueEmptyError

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store"]

_TIMEOUT = datetime.timedelta(seconds=300)  # PyTorch's


def _encoded(value):
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """A dictionary from str to bytes that processes share; values may be given as str or bytes.

    Every store has these methods. Those that wait do so for `timeout`, 300 s unless it is set.
    """

    def __init__(self):
        self._timeout = _TIMEOUT

    def _do(self, *operation):
        raise NotImplementedError(f"{type(self).__name__}: a store defines the operations.")

    def _wait(self, keys, seconds):
        """Whether the keys are there in time."""
        return self._do(b"wait", b"%f" % seconds, *keys) == [b"1"]

    def _key(self, key):
        return _encoded(key)

    timeout = property(attrgetter("_timeout"), doc="How long get and wait wait (timedelta).")

    def set_timeout(self, timeout):
        """How long get and wait wait from now on (timedelta)."""
        self._timeout = timeout

    def set(self, key, value):
        """The key has that value from now on."""
        self._do(b"set", self._key(key), _encoded(value))

    def get(self, key):
        """The value of a key (bytes), which is awaited.

        Raises:
            DistStoreError: it is not there within the time-out.
        """
        self.wait([key])
        found = self._do(b"get", self._key(key))
        if not found:
            raise DistStoreError(f"{type(self).__name__}.get: {key!r} was deleted meanwhile.")
        return found[0]

    def add(self, key, amount):
        """Adds an int to the key's number, 0 at first; the sum.

        Raises:
            ValueError: the value is no number.
        """
        return int(self._do(b"add", self._key(key), b"%d" % amount)[0])

    def append(self, key, value):
        """Bytes added to the end of the key's."""
        self._do(b"append", self._key(key), _encoded(value))

    def compare_set(self, key, expected_value, desired_value):
        """The key takes desired_value if it has expected_value (an absent key: if that is empty); its value then."""
        return self._do(
            b"compare_set", self._key(key), _encoded(expected_value), _encoded(desired_value)
        )[0]

    def delete_key(self, key):
        """Whether the key was there; it is not from now on."""
        return self._do(b"delete_key", self._key(key)) == [b"1"]

    def check(self, keys):
        """Whether all keys are there, without waiting."""
        return self._do(b"check", *map(self._key, keys)) == [b"1"]

    def wait(self, keys, timeout=None):
        """Waits until all keys are there.

        Raises:
            DistStoreError: not within the time-out.
        """
        seconds = (timeout or self._timeout).total_seconds()
        if not self._wait([self._key(key) for key in keys], seconds):
            missing = [key for key in keys if not self.check([key])] or list(keys)
            raise DistStoreError(
                f"{type(self).__name__}.wait: {missing} were not set within {seconds:g} s."
            )

    def num_keys(self):
        """How many keys there are."""
        return len(self._do(b"list_keys"))

    def list_keys(self):
        """The keys (list of str)."""
        return [key.decode() for key in self._do(b"list_keys")]

    def multi_get(self, keys):
        """get of each key."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys, values):
        """set of each key with its value."""
        if len(keys) != len(values):
            raise ValueError(f"{type(self).__name__}.multi_set: {len(keys)} keys for {len(values)} values.")  # fmt: skip
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def has_extended_api(self):
        """Whether append, multi_get and multi_set are there: True."""
        return True

    def queue_push(self, key, value):
        """Adds a value to the end of the queue of that name."""
        self._do(b"queue_push", self._key(key), _encoded(value))

    def queue_pop(self, key, block=True):
        """The first value of the queue, which is awaited unless block is False.

        Raises:
            QueueEmptyError: there is none, with block=False. DistStoreError: none came within the time-out.
        """
        seconds = self._timeout.total_seconds()
        if block:
            found = self._do(b"wait_for_queue", b"%f" % seconds, self._key(key))
        else:
            found = self._do(b"queue_pop", self._key(key))
        if found:
            return found[0]
        if not block:
            raise QueueEmptyError(f"{type(self).__name__}.queue_pop: {key!r} is empty.")
        raise DistStoreError(
            f"{type(self).__name__}.queue_pop: nothing came to {key!r} within {seconds:g} s."
        )

    def queue_len(self, key):
        """How many values are in the queue of that name."""
        return int(self._do(b"queue_len", self._key(key))[0])

    def barrier(self, key, world_size, timeout=None):
        """Waits until world_size callers are here."""
        if self.add(key, 1) >= world_size:
            self.set(f"{key}/passed", b"1")
        self.wait([f"{key}/passed"], timeout)

    def clone(self):
        """Another handle of the same values, for another thread."""
        return self


class HashStore(Store):
    """A store for the threads of one process.

    Example:
        >>> import flambeau.distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("color", "red")
        >>> store.get("color"), store.add("count", 2), store.num_keys()
        (b'red', 2, 2)
    """

    def __init__(self):
        super().__init__()
        self._book = Book()

    def _do(self, *operation):
        return self._book.do(operation)


class FileStore(Store):
    """A store in a file that all processes can write: the operations that changed it, one after the other.

    Args:
        file_name (str or path): the file; made if it is not there.
        world_size (int): how many processes use it; the last that ends removes it. -1: nobody does.
    """

    _users = b"/flambeau/users"

    def __init__(self, file_name, world_size=-1):
        super().__init__()
        self._path = os.path.abspath(file_name)
        self._book, self._read = Book(), 0
        if world_size > 0:
            self._do(b"add", self._users, b"1")
            weakref.finalize(self, _leave_file, self._path, os.getpid())

    path = property(attrgetter("_path"), doc="The file's name.")

    @contextlib.contextmanager
    def _file(self):
        """The file, locked, with the book brought up to date from it."""
        with open(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self._read)
            rest = file.read()
            at = 0

            def read(n):
                nonlocal at
                at += n
                if at > len(rest):
                    raise EOFError
                return rest[at - n : at]

            while at < len(rest):
                begun = at
                try:
                    operation = read_frame(read)
                except EOFError:  # its writer was killed: it never happened
                    file.truncate(self._read + begun)
                    at = begun
                    break
                self._book.do(operation)
            self._read += at
            yield file

    def _do(self, *operation):
        if operation[0] == b"wait_for_queue":
            patience = Patience(float(operation[1]))
            while not (found := self._do(b"queue_pop", operation[2])) and patience.waited():
                pass
            return found
        with self._file() as file:
            answer = self._book.do(operation)
            if operation[0] in CHANGING:
                written = frame(operation)
                file.seek(self._read)
                file.write(written)
                self._read += len(written)
        if operation[0] == b"list_keys":
            answer = [key for key in answer if key != self._users]
        return answer

    def _wait(self, keys, seconds):
        patience = Patience(seconds)
        while self._do(b"check", *keys) != [b"1"]:
            if not patience.waited():
                return False
        return True


def _leave_file(path, user):
    """One user less; the last removes the file."""
    if os.getpid() == user and os.path.exists(path):
        with contextlib.suppress(OSError):
            if FileStore(path)._do(b"add", FileStore._users, b"-1") == [b"0"]:
                os.unlink(path)


class PrefixStore(Store):
    """A part of another store: its keys begin with `prefix`.

    Args:
        prefix (str): what stands before each key, and a slash.
        store (Store): where they are kept.
    """

    def __init__(self, prefix, store):
        super().__init__()
        self._prefix, self._store = prefix, store
        self._timeout = store.timeout

    underlying_store = property(attrgetter("_store"), doc="The other store.")

    @property
    def _underlying_non_prefix_store(self):
        store = self._store
        while isinstance(store, PrefixStore):
            store = store._store
        return store

    def _key(self, key):
        return self._store._key(f"{self._prefix}/{key}" if isinstance(key, str) else b"/".join([_encoded(self._prefix), key]))  # fmt: skip

    def _do(self, *operation):
        return self._store._do(*operation)

    def _wait(self, keys, seconds):
        return self._store._wait(keys, seconds)

    def clone(self):
        """Another handle of the same values, for another thread."""
        return PrefixStore(self._prefix, self._store.clone())
