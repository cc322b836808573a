"""Python's multiprocessing, through which tensors cross without a copy.

    import flambeau.multiprocessing as mp

has all that `import multiprocessing as mp` has. Tensors, parameters and storages that are put into a queue,
sent through a pipe or given to a process move into shared memory, and each side sees what the other writes.
The memory has no name: the kernel frees it when the last process lets go of it, or dies.

Read: reductions.py, parcel.py, connection.py, queue.py, pool.py, context.py, spawn.py, forks.py; the core's part
is csrc/tensor/shared.h. May import: everything below.
"""

import multiprocessing

from . import forks as forks  # what it registers
from .connection import Connection, Pipe
from .context import get_context
from .reductions import init_reductions
from .spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)
from .strategy import get_all_sharing_strategies, get_sharing_strategy, set_sharing_strategy

__all__ = [
    "Connection",
    "JoinableQueue",
    "Pipe",
    "Pool",
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "Queue",
    "SimpleQueue",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_context",
    "get_sharing_strategy",
    "init_reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
_PYTHON_S = [name for name in multiprocessing.__all__ if name not in __all__]
__all__ += _PYTHON_S
globals().update({name: getattr(multiprocessing, name) for name in _PYTHON_S})


def Queue(maxsize=0):
    """A queue of any number of writers and readers; maxsize 0: of any length."""
    return get_context().Queue(maxsize)


def JoinableQueue(maxsize=0):
    """A Queue with task_done() and join()."""
    return get_context().JoinableQueue(maxsize)


def SimpleQueue():
    """A pipe with a lock at each end."""
    return get_context().SimpleQueue()


def Pool(processes=None, initializer=None, initargs=(), maxtasksperchild=None):
    """Processes that share out calls of functions."""
    return get_context().Pool(processes, initializer, initargs, maxtasksperchild)


init_reductions()
