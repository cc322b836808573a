"""What an operation of a group is: how values are combined, and the handle of one that runs on."""

import enum
import os
import sys
import time

from ..futures import Future
from .errors import DistBackendError

__all__ = ["ReduceOp", "Together", "Work", "reduce_op"]

_HERE = os.path.dirname(__file__) + os.sep
_PARALLEL = os.path.join(os.path.dirname(os.path.dirname(__file__)), "nn", "parallel") + os.sep
_EAGER_S = 0.02  # looks without sleeping: a large message needs several looks on both sides


class ReduceOp(enum.Enum):
    """How the values of all processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


reduce_op = ReduceOp


class _WorkFuture(Future):
    """A Future whose value comes by waiting for an operation, since no thread of its own does that."""

    def __init__(self, wait, look):
        super().__init__()
        self._wait, self._look = wait, look

    def done(self):
        """Whether the value is set, after a look at the operation."""
        if not super().done():
            self._look()
        return super().done()

    def wait(self):
        """The value, once the operation has ended."""
        if not super().done():
            self._wait()
        return super().wait()

    def _following(self):
        return _WorkFuture(self.wait, self.done)


class Work:
    """The handle of an operation that may still run: wait() ends it.

    Args:
        request: MPI's; None for an operation that has ended.
        finish (callable): what is left to do once the messages have arrived.
        described (str): the operation, its rank and sizes, for the error of a time-out.
        group (ProcessGroup, optional): whose time-out counts.
        results (list of Tensor): what the operation changes.
        status: MPI's, which learns who has sent.
    """

    _in_flight = set()  # MPI writes to their memory, whether somebody waits or not

    def __init__(
        self, request=None, finish=None, described="", group=None, results=(), status=None
    ):
        self._request, self._finish, self._described = request, finish, described
        self._group, self._results, self._future = group, list(results), None
        self._error, self._status = None, status
        self._done = request is None
        if self._done:
            if finish is not None:
                finish()
            return
        self._line = _calling_line()
        if len(self._in_flight) > 100:
            for other in list(self._in_flight):
                other._tested()
        self._in_flight.add(self)

    def is_completed(self):
        """Whether the messages have arrived."""
        return self._done or self._tested()

    def is_success(self):
        """Whether it has ended without an error."""
        return self.is_completed() and self._error is None

    def exception(self):
        """The error that it has ended with, or None."""
        return self._error

    def _tested(self):
        try:
            self._done = self._request.Test(self._status)
        except RuntimeError as error:  # MPI.Exception is one
            self._fail(f"did not end: {error}", error)
        if self._done:
            self._in_flight.discard(self)
            self._request = None
            if self._finish is not None:
                self._finish()
            if self._future is not None:
                self._future.set_result(self._results)
        return self._done

    def _fail(self, how, cause=None):
        self._group.failed = True
        self._error = DistBackendError(
            f"distributed: {self._described} {how}. It was called at {self._line}."
        )
        raise self._error from cause

    def wait(self, timeout=None):
        """Ends the operation; True.

        Raises:
            DistBackendError: it does not end within the time-out: another process has not called it.
        """
        if self.is_completed():
            return True
        seconds = self._group.seconds if timeout is None else timeout.total_seconds()
        start = time.monotonic()
        while not self.is_completed():
            waited = time.monotonic() - start
            if waited > seconds:
                self._fail(
                    f"has waited {waited:.1f} s for the other processes, which have not all called it"
                )
            time.sleep(0 if waited < _EAGER_S else min(0.002, waited / 50))
        return True

    synchronize = wait

    def result(self):
        """The tensors that the operation has changed (list of Tensor)."""
        self.wait()
        return self._results

    def get_future(self):
        """A Future of result()."""
        if self._future is None:
            self._future = _WorkFuture(self.wait, self.is_completed)
            if self._done:
                self._future.set_result(self._results)
        return self._future


class Together(Work):
    """The handle of several operations."""

    def __init__(self, works):
        self._works = works
        super().__init__(results=[tensor for work in works for tensor in work._results])
        self._done = False

    def _tested(self):
        self._done = all([work.is_completed() for work in self._works])
        if self._done and self._future is not None:
            self._future.set_result(self._results)
        return self._done

    def wait(self, timeout=None):
        """Ends the operations; True."""
        for work in self._works:
            work.wait(timeout)
        self.is_completed()
        return True


def _calling_line():
    """Where the operation was called, outside of this package."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_HERE, _PARALLEL)):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown line"
