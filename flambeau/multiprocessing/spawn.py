"""One function in several processes: started, awaited, and ended together when one fails."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing import connection
from operator import attrgetter

from .connection import Pipe
from .context import get_context

_PATIENCE_S = 30.0  # how long processes may take to end when they are told to


class ProcessException(Exception):
    """A process of start_processes failed.

    error_index (int): its number. pid (int): its process number.
    """

    def __init__(self, msg, error_index, pid):
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid

    error_pid = property(attrgetter("pid"), doc="`pid`, by its other name.")

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process ended with an exception; its traceback is the message."""

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process ended without an exception: by a signal or by sys.exit.

    exit_code (int): negative for a signal. signal_name (str or None): of that signal.
    """

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self):
        return type(self), (
            self.msg,
            self.error_index,
            self.pid,
            self.exit_code,
            self.signal_name,
        )


class ProcessContext:
    """The processes of one start_processes(join=False).

    processes (list of Process).
    """

    def __init__(self, processes, errors):
        self.processes = processes
        self._errors = errors  # connections on which a process sends its traceback
        self._tracebacks = {}

    def pids(self):
        """The process numbers."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Wait until a process fails or all have ended.

        Args:
            timeout (float, optional): how long, in seconds; None is for ever.
            grace_period (float, optional): seconds that the others have to end when one has failed;
                then they are killed.

        Returns:
            bool: True if all have ended well, False if some still run after timeout.

        Raises:
            ProcessRaisedException: a process raised; the message has its traceback.
            ProcessExitedException: a process was killed or exited with a code that is not 0.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            running = [process for process in self.processes if process.exitcode is None]
            failed = self._failed()  # after that: one that ends in between is seen as running
            if failed is not None:
                self._end_all(_PATIENCE_S if grace_period is None else grace_period)
                self._raise(failed)
            if not running:
                return True
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            readers = [reader for reader in self._errors if not reader.closed]
            connection.wait([*readers, *(process.sentinel for process in running)], left)
            self._read()

    def _read(self):
        for number, reader in enumerate(self._errors):
            while not reader.closed and reader.poll():
                try:
                    self._tracebacks[number] = reader.recv()
                except (EOFError, OSError):
                    reader.close()

    def _failed(self):
        """The number of the process that failed first, as far as that can be told."""
        self._read()
        failed = [
            number
            for number, process in enumerate(self.processes)
            if process.exitcode not in (None, 0)
        ]
        if not failed:
            return None
        return next((number for number in failed if number in self._tracebacks), failed[0])

    def _end_all(self, patience_s):
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        end = time.monotonic() + patience_s
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _raise(self, number):
        process = self.processes[number]
        where = f"start_processes: process {number}"
        if number in self._tracebacks:
            raise ProcessRaisedException(
                f"{where} raised:\n\n{self._tracebacks[number]}", number, process.pid
            )
        code, name = process.exitcode, None
        how = f"ended with exit code {code}"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            how = f"was ended by {name}"
        raise ProcessExitedException(f"{where} {how}.", number, process.pid, code, name)


SpawnContext = ProcessContext


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run fn(i, *args) in processes i = 0 ... nprocs - 1.

    Args:
        fn (callable): with "spawn" and "forkserver" one that another process can import.
        args (tuple): tensors among them are shared, not copied.
        nprocs (int): how many.
        join (bool): wait for them; if one fails the others are ended and its error is raised here.
        daemon (bool): end them with this process; they then can't start processes themselves.
        start_method (str): "spawn", "fork" or "forkserver".

    Returns:
        None, or with join=False a ProcessContext. The processes end with this one in any case.

    Raises:
        ProcessRaisedException, ProcessExitedException: see ProcessContext.join.
    """
    context = get_context(start_method)
    processes, errors = [], []
    try:
        for number in range(nprocs):
            reader, writer = Pipe(duplex=False)
            process = context.Process(target=_run, args=(fn, number, args, writer), daemon=daemon)
            process.start()
            writer.close()
            processes.append(process)
            errors.append(reader)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    started = ProcessContext(processes, errors)
    if not join:
        return started
    try:
        while not started.join():
            pass
    except KeyboardInterrupt:
        started._end_all(_PATIENCE_S)
        raise
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """start_processes with the start method "spawn".

    Raises:
        ValueError: start_method is another one: start_processes takes it.
    """
    if start_method != "spawn":
        raise ValueError(
            f"spawn: start_method is {start_method!r}; spawn always spawns. Call start_processes for another."
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method)


def _run(fn, number, args, errors):
    """The main function of a process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass  # the parent shows it
    except Exception:
        errors.send(traceback.format_exc())
        errors.close()
        sys.exit(1)


def _end_with_parent():
    """Interrupts this process when its parent dies, as ^C would; ends it if that is not heard."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_PATIENCE_S)
    os._exit(1)
