"""Machine code of joined kernels, shared by all that run it and unloaded when the last of them lets go."""

import os
import threading

from ..kernels.targets.elf import unload

__all__ = ["hold", "let_go"]

_lock = threading.RLock()  # a collection in here may end a program, which lets go
_held = {}  # key -> [address, by how many]
_keys = {}  # address -> key


def hold(key, make):
    """The address of the code of `key`, of which `make()` gives a copy where nobody holds one."""
    with _lock:
        if key in _held:
            _held[key][1] += 1
            return _held[key][0]
    address = make()  # may take a while
    with _lock:
        found = _held.setdefault(key, [address, 0])
        found[1] += 1
        if found[0] != address:  # another thread made it meanwhile
            unload(address)
        else:
            _keys[address] = key
        return found[0]


def let_go(address):
    """One of those that hold it no longer runs it."""
    with _lock:
        key = _keys[address]
        found = _held[key]
        found[1] -= 1
        if found[1] == 0:
            del _held[key], _keys[address]
            unload(address)


def _reset():
    global _lock
    _lock = threading.RLock()  # which another thread may have held when the process was forked


os.register_at_fork(after_in_child=_reset)
