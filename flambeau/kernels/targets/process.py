"""Kernels are compiled in a process of their own, which ends when nothing is left to compile.

LLVM takes 50 MB and more that a process never gets back. The other process is a Python without anything but
serve.py, started when the first kernel is missing, while its IR is being written. Where none can be started
(no program to start, no such call, no answer), LLVM is loaded here.
Not for several threads at once: cache.py holds its lock.
"""

import atexit
import os
import sys

from . import cpu
from .elf import Blob

START_S = 20.0  # by when the process has to be there

_channel = None  # a socket to the process
_starter = None  # the process that starts it, which has to be waited for
_ready = False  # it has answered
_refused = False  # none can be started


def start():
    """Starts the process unless there is one; returns at once."""
    global _channel, _starter, _refused
    if _channel is None and not _refused:
        try:
            _channel, _starter = _spawned()
        except (OSError, ValueError, TypeError, AttributeError, NotImplementedError):
            _refused = True


def compile_ir(ir, target):
    """As cpu.compile_ir."""
    if os.environ.get("FLAMBEAU_VERIFY"):
        return cpu.compile_ir(ir, target)
    for _ in range(2):  # one that ended for want of work is started again
        start()
        if not _answers():
            return cpu.compile_ir(ir, target)
        answer = _ask(target.name, ir)
        if answer is not None:
            blob, error = answer
            if blob is None:
                raise RuntimeError(f"kernels: LLVM refuses one: {error}")
            return Blob(*blob)
    raise RuntimeError("kernels: the process that compiles ended twice over the same kernel.")


def twin():
    """A socket to a second process, which the first one has started; None where that is not there or cannot.

    For one thread, whichever, at a time: see `compile_by`.
    """
    import socket

    from .serve import TWIN, send

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if _channel is None or not _ready or (cores or 1) < 2 or os.environ.get("FLAMBEAU_VERIFY"):
        return None
    try:
        ours, its = socket.socketpair()
    except OSError:
        return None
    try:
        with its:
            send(_channel, (TWIN, ""))
            socket.send_fds(_channel, [b"t"], [its.fileno()])
    except (OSError, AttributeError):
        ours.close()
        return None
    ours.settimeout(START_S)
    return ours


def compile_by(channel, ir, target, first):
    """The blob of a kernel by a twin, which before its `first` one says that it is there; raises where it is not.

    None: LLVM refuses it.
    """
    from .serve import receive, send

    if first:
        receive(channel)
    send(channel, (target.name, ir))
    blob, _ = receive(channel)
    return blob and Blob(*blob)


def _spawned():
    """(socket of a new process, its starter)."""
    import socket
    from importlib.util import find_spec

    if getattr(sys, "frozen", False):
        raise NotImplementedError("a program packed with its Python would start itself")
    here = os.path.dirname(os.path.abspath(__file__))
    folders = os.path.dirname(here), os.path.dirname(os.path.dirname(find_spec("llvmlite").origin))
    ours, its = socket.socketpair()
    with its:
        # Without site and the variables of Python: nothing of the program's own runs there.
        command = [sys.executable, "-I", "-S", os.path.join(here, "serve.py"), *folders]
        nowhere = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]
        try:
            pid = os.posix_spawn(
                sys.executable,
                command,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, its.fileno(), 0), *nowhere],
            )
        except BaseException:
            ours.close()
            raise
    ours.settimeout(START_S)
    return ours, pid


def _answers():
    """Whether the process is there; waits for it the first time."""
    global _ready, _refused
    from .serve import receive

    channel = _channel  # which the program's end may take away
    if channel is not None and not _ready:
        try:
            _ready = receive(channel) is True
            channel.settimeout(None)
            os.waitpid(_starter, 0)  # it has ended by now
        except (EOFError, OSError, ValueError):  # or somebody else has waited for it
            pass
        finally:
            if not _ready:
                _refused = True
                _leave()
    return _ready


def _ask(level, ir):
    """(blob or None, text of the error), or None if the process has gone."""
    from .serve import receive, send

    channel, answer = _channel, None
    if channel is None:
        return None
    try:
        send(channel, (level, ir))
        answer = receive(channel)
    except (EOFError, OSError):
        pass
    finally:  # after Ctrl-C too: its answer would be taken for the next one's
        if answer is None:
            _leave()
    return answer


def _leave():
    global _channel, _ready
    if _channel is not None:
        _channel.close()
    _channel, _ready = None, False


atexit.register(_leave)
# A child has no part in the talk of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
