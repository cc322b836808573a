"""Kernels that will be wanted soon, compiled by a second process while the first one and the program are busy.

Who knows what comes (compiled/foretell.py) asks under `foretelling()`; a thread in the background writes the IR and
hands it to the twin of the compiling process. A kernel that is wanted before it was begun is compiled by who wants it;
one that was begun is waited for. Whatever goes wrong here costs what was to be gained.
"""

import atexit
import contextlib
import threading

from .background import Background
from .targets import process

__all__ = ["ask", "foretelling", "foretells", "reset", "start", "take", "wait"]

MOST = 64  # kernels that have been asked for and not taken

_this = threading.local()
_lock = threading.Lock()  # of the lines below; nothing is waited for under it
_jobs = {}  # digest: _Job
_channel = None
_first = True  # whether the channel's process has yet to say that it is there


class _Job:
    """A kernel: the function that writes its IR, and what has become of it."""

    def __init__(self, ir, target, write):
        self.ir, self.target, self.write = ir, target, write
        self.begun, self.blob, self.done = False, None, threading.Event()


@contextlib.contextmanager
def foretelling():
    """Kernels that this thread asks for meanwhile are compiled in the background."""
    _this.foretells = True
    try:
        yield
    finally:
        _this.foretells = False


def foretells():
    """Whether this thread only foretells."""
    return getattr(_this, "foretells", False)


def start():
    """Starts the second process unless there is one; whether there is. The caller holds the cache's lock."""
    global _channel, _first
    if _channel is None:
        _channel, _first = process.twin(), True
    return _channel is not None


def ask(digest, ir, target, write):
    """Has a kernel compiled in the background, if there is a process for that. The caller holds the cache's lock.

    Args:
        ir (callable): gives its IR. target (CpuTarget). write (callable): of the digest and the blob, keeps it on disk.
    """
    if digest in _jobs or len(_jobs) >= MOST or not start():
        return
    with _lock:
        _jobs[digest] = _Job(ir, target, write)
    if not _background.add(digest):
        reset()


def take(digest):
    """The blob of a kernel that was asked for, once it is there; None where it was not, or not begun, or failed."""
    with _lock:
        job = _jobs.pop(digest, None)
        if job is None or not job.begun:
            return None
    job.done.wait()
    return job.blob


def wait():
    """Returns when nothing is being compiled here."""
    _background.wait()


def reset():
    """Forgets all that was asked for: a forked child has neither the thread nor a part in the talk."""
    global _lock
    _lock = threading.Lock()
    _jobs.clear()
    _background.reset()
    _leave()


def _leave():
    global _channel
    if _channel is not None:
        _channel.close()
    _channel = None


def _work(digest):
    global _first
    with _lock:
        job = _jobs.get(digest)
        if job is None:  # whoever wanted it has compiled it
            return
        job.begun = True
    try:
        blob = process.compile_by(_channel, job.ir(), job.target, _first)
        _first = False
        if blob is not None:
            job.write(digest, blob)
        job.blob = blob
    except Exception:  # the process has gone, or there is no such kernel: who wants it is told
        with _lock:
            _leave()
            for waiting in _background.drop():
                _jobs.pop(waiting, None)
    finally:
        job.done.set()


_background = Background("flambeau kernels", _work)
atexit.register(_leave)
