"""How much is checked, and a debugger in one of the processes."""

import enum
import pdb
import sys

from .collectives import barrier
from .groups import get_rank

__all__ = [
    "DebugLevel",
    "breakpoint",
    "get_debug_level",
    "set_debug_level",
    "set_debug_level_from_env",
]


class DebugLevel(enum.Enum):
    """How much is checked beside the operations: here OFF, which names rank, sizes and line in errors already."""

    OFF = 0
    INFO = 1
    DETAIL = 2


def get_debug_level():
    """DebugLevel.OFF."""
    return DebugLevel.OFF


def set_debug_level(level):
    """Takes OFF alone.

    Raises:
        NotImplementedError: more is to be checked.
    """
    if level is not DebugLevel.OFF:
        raise NotImplementedError(f"set_debug_level: {level} is not offered.")


def set_debug_level_from_env():
    """Without effect: TORCH_DISTRIBUTED_DEBUG is not read."""


def breakpoint(rank=0, skip=0, timeout_s=3600):
    """A debugger in process `rank`, from which the others wait; `skip` calls are passed over first."""
    import datetime

    _calls[0] += 1
    if _calls[0] <= skip:
        return
    if get_rank() == rank:
        debugger = pdb.Pdb()
        sys.stderr.write(f"rank {rank}: the debugger; the other processes wait for its end.\n")
        debugger.set_trace(sys._getframe(1))
    barrier(timeout=datetime.timedelta(seconds=timeout_s))


_calls = [0]
