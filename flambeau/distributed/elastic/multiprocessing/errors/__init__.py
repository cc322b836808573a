"""How a process tells its launcher why it failed: record() writes a file, and the launcher reads it."""

import dataclasses
import functools
import json
import os
import signal
import time
import traceback

__all__ = ["ChildFailedError", "ProcessFailure", "record"]


@dataclasses.dataclass
class ProcessFailure:
    """A process that failed: its number on the machine, its exit code, and what it said.

    Attributes:
        message (str): its traceback, where record() wrote it.
    """

    local_rank: int
    pid: int
    exitcode: int
    error_file: str
    message: str = ""
    timestamp: int = 0

    @classmethod
    def of(cls, local_rank, pid, exitcode, error_file):
        """From a process that has ended and the file that it may have written."""
        failure = cls(local_rank, pid, exitcode, error_file, timestamp=int(time.time()))
        if os.path.exists(error_file):
            with open(error_file) as file:
                found = json.load(file)
            failure.message, failure.timestamp = found["message"], found["timestamp"]
        return failure

    def signal_name(self):
        """The signal that ended it, or "<N/A>"."""
        return signal.Signals(-self.exitcode).name if self.exitcode < 0 else "<N/A>"


class ChildFailedError(Exception):
    """A started process failed. name (str): the program; failures (dict): rank -> ProcessFailure."""

    def __init__(self, name, failures):
        self.name, self.failures = name, failures
        parts = [f"{name} failed"]
        for rank, failure in sorted(failures.items()):
            how = f"exit code {failure.exitcode}"
            if failure.exitcode < 0:
                how = f"signal {failure.signal_name()}"
            parts.append(f"rank {rank} (process {failure.pid}) ended by {how}")
            if failure.message:
                parts.append(failure.message)
        super().__init__("\n  ".join(parts))

    def get_first_failure(self):
        """(rank, ProcessFailure) of the one that failed first."""
        return min(self.failures.items(), key=lambda item: item[1].timestamp)


def record(fn, error_handler=None):
    """The function, which writes its exception for the launcher before it raises it.

    Example:
        >>> from flambeau.distributed.elastic.multiprocessing.errors import record
        >>> @record
        ... def main():
        ...     return 3
        >>> main()
        3
    """
    if error_handler is not None:
        raise NotImplementedError("record: error_handler is not offered.")

    @functools.wraps(fn)
    def recorded(*args, **kwargs):
        try:
            return fn(*args, **kwargs)
        except Exception:
            path = os.environ.get("TORCHELASTIC_ERROR_FILE")
            if path:
                with open(path, "w") as file:
                    json.dump(
                        {"message": traceback.format_exc(), "timestamp": int(time.time())}, file
                    )
            raise

    return recorded
