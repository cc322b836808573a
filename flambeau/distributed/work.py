"""What an operation of a group is: how values are combined, and the handle of one that runs on."""

import enum
import time
import traceback

__all__ = ["ReduceOp", "Work", "reduce_op"]


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


reduce_op = ReduceOp


class Work:
    """The handle of an operation that may still run: wait() ends it.

    Args:
        request: MPI's.
        finish (callable): what is left to do once the messages have arrived.
        described (str): the operation, its rank and sizes, for the error of a time-out.
        seconds (float): the time-out.
    """

    def __init__(self, request=None, finish=None, described="", seconds=1800.0):
        self._request, self._finish = request, finish
        self._described, self._seconds = described, seconds
        self._line = _calling_line()
        self._done = request is None
        if self._done and finish is not None:
            finish()

    def is_completed(self):
        """Whether the messages have arrived."""
        return self._done or self._tested()

    def _tested(self):
        if self._request.Test():
            self._done = True
            if self._finish is not None:
                self._finish()
        return self._done

    is_success = is_completed

    def wait(self, timeout=None):
        """Ends the operation; True.

        Raises:
            DistBackendError: it does not end within the time-out: another process has not called it.
        """
        seconds = self._seconds if timeout is None else timeout.total_seconds()
        start = time.monotonic()
        spins = 0
        while not self.is_completed():
            spins += 1
            waited = time.monotonic() - start
            if waited > seconds:
                from .groups import DistBackendError

                raise DistBackendError(
                    f"distributed: {self._described} has waited {waited:.1f} s for the other processes, "
                    f"which have not all called it. It was called at {self._line}."
                )
            # The first moments without sleeping: most messages take less.
            time.sleep(0 if spins < 200 else min(0.002, waited / 20))
        return True

    def result(self):
        """Not offered: the tensors that were given hold the results."""
        raise NotImplementedError("Work.result: the tensors of the call hold the results.")

    def get_future(self):
        """A Future of the operation."""
        from ..futures import Future

        future = Future()
        self.wait()
        future.set_result([])
        return future


def _calling_line():
    for frame in reversed(traceback.extract_stack(limit=12)):
        if "/flambeau/distributed/" not in frame.filename.replace("\\", "/"):
            return f"{frame.filename}:{frame.lineno}"
    return "an unknown line"
