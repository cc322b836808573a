"""What a forked process must not inherit: imports that another thread had begun.

Only the thread that forks lives on in the child. A module that another thread was importing would stay half made
there, and whoever needs it would wait for that thread for ever. Python renews its one import lock at a fork, but
not the lock that each module has (importlib._bootstrap._module_locks, since Python 3.3).
"""

import importlib
import os
import sys
import threading


def _forget_unfinished_imports():
    """The child imports anew what threads that it does not have were importing."""
    locks = getattr(importlib._bootstrap, "_module_locks", {})
    me = threading.get_ident()
    for name, reference in list(locks.items()):
        lock = reference()
        if lock is not None and lock.owner not in (None, me):
            del locks[name]
            sys.modules.pop(name, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_unfinished_imports)
