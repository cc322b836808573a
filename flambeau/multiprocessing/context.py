"""The contexts of multiprocessing (fork, spawn, forkserver) with queues and pipes that tensors cross."""

import multiprocessing
from multiprocessing import context

from .connection import Pipe


class _SharingContext:
    """What the contexts have in common; the rest is Python's."""

    def Pipe(self, duplex=True):
        """Two connected ends of which either sends and receives, or the second sends to the first."""
        return Pipe(duplex)

    def Queue(self, maxsize=0):
        """A queue of any number of writers and readers; 0 places: as many as memory holds."""
        from .queue import Queue

        return Queue(maxsize, ctx=self.get_context())

    def JoinableQueue(self, maxsize=0):
        """A Queue with task_done() and join()."""
        from .queue import JoinableQueue

        return JoinableQueue(maxsize, ctx=self.get_context())

    def SimpleQueue(self):
        """A pipe with a lock at each end."""
        from .queue import SimpleQueue

        return SimpleQueue(ctx=self.get_context())

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None):
        """Processes that share out calls of functions; see pool.Pool."""
        from .pool import Pool

        return Pool(processes, initializer, initargs, maxtasksperchild, context=self.get_context())

    def get_context(self, method=None):
        """The context of a start method, by default this one."""
        return self if method is None else get_context(method)


class ForkContext(_SharingContext, context.ForkContext):
    """Processes begin as copies of this one."""


class SpawnContext(_SharingContext, context.SpawnContext):
    """Processes begin anew and import what they need."""


class ForkServerContext(_SharingContext, context.ForkServerContext):
    """Processes begin as copies of a server that has little in memory."""


_CONTEXTS = {"fork": ForkContext(), "spawn": SpawnContext(), "forkserver": ForkServerContext()}


def get_context(method=None):
    """The context of a start method: "fork", "spawn", "forkserver", or None for the one in force.

    Raises:
        ValueError: there is no such method on this system.
    """
    return _CONTEXTS[multiprocessing.get_context(method).get_start_method()]
