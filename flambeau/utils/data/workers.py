"""The worker processes of a loader, seen from the main process."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import warnings
import weakref

from ...multiprocessing.connection import Pipe
from . import transport
from .share import Room
from .worker import WorkerInfo, run

_PATIENCE_S = 5.0  # how long a worker may take to finish its batch before it is terminated


def _quiet_fork():
    """Python 3.12 warns of fork beside threads; our pool starts anew in the child.

    Not before: to touch the filters makes Python forget what it has warned of, and say it again each epoch.
    """
    if sys.version_info < (3, 12):
        return contextlib.nullcontext()
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


def _stay_if_ending():
    """Hold a daemon thread for good where the program ends: its workers were sent home for that reason alone."""
    if threading.current_thread().daemon and not threading.main_thread().is_alive():
        threading.Event().wait()


class Workers:
    """Processes that make batches. They end when this object is dropped, or with the program.

    Args:
        count (int): how many.
        context: of multiprocessing, or None for its default.
        dataset, make_fetch, init_fn: what each works on, see worker.run.
        seed (int): worker i is seeded with seed + i.
        shares (bool): they make the first batch together.
    """

    def __init__(self, count, context, dataset, make_fetch, init_fn, seed, shares=False):
        context = context or multiprocessing.get_context()
        forks = context.get_start_method() == "fork"
        if forks and "numpy" in sys.modules:
            import numpy.random  # noqa: F401 -- each worker seeds it: loaded once here, not in each of them
        self.room = Room() if shares and forks else None  # for the first batch
        self.processes, self.tasks, self.results = [], [], []
        self._end = weakref.finalize(
            self, _end, os.getpid(), self.processes, self.tasks, self.results
        )
        self.epoch = 0
        for i in range(count):
            info = WorkerInfo(i, count, seed + i, dataset, init_fn)
            task_reader, task_writer = context.Pipe(duplex=False)
            result_reader, result_writer = Pipe(duplex=False)
            self.tasks.append(task_writer)
            self.results.append(result_reader)
            # A forked child has our ends too; while it keeps them open nobody notices that we are gone.
            ours = [*self.tasks, *self.results] if forks else []
            process = context.Process(
                target=run,
                args=(info, make_fetch, os.getpid(), task_reader, result_writer, ours, self.room),
                name=f"DataLoader worker {i}",
                daemon=True,
            )
            with _quiet_fork():
                process.start()
            task_reader.close()
            result_writer.close()
            self.processes.append(process)

    def __len__(self):
        return len(self.processes)

    def new_epoch(self):
        """The number of the next epoch; answers that belong to earlier ones are to be ignored."""
        self.epoch += 1
        return self.epoch

    def submit(self, worker, number, indices):
        """Give a worker a task."""
        try:
            self.tasks[worker].send((self.epoch, number, indices))
        except OSError:
            self._raise_death(worker)

    def receive(self, timeout_s=0):
        """(epoch, number, answer) of the next worker that has one.

        Raises:
            RuntimeError: a worker has died, or none answers in time (0: wait for ever).
        """
        try:
            return self._receive(timeout_s)
        except OSError:
            _stay_if_ending()
            raise

    def _receive(self, timeout_s):
        sentinels = [process.sentinel for process in self.processes]
        ready = multiprocessing.connection.wait([*self.results, *sentinels], timeout_s or None)
        if not ready:
            raise RuntimeError(
                f"DataLoader timed out after {timeout_s} seconds: no worker has made a batch. Give a longer timeout."
            )
        for worker, result in enumerate(self.results):
            if result in ready:
                try:
                    return transport.receive(result)
                except EOFError:
                    self._raise_death(worker)
        self._raise_death(sentinels.index(ready[0]))

    def _raise_death(self, worker):
        _stay_if_ending()
        process = self.processes[worker]
        process.join(_PATIENCE_S)
        pid, code = process.pid, process.exitcode
        self.end()
        how = f"DataLoader worker (pid(s) {pid}) exited unexpectedly with code {code}"
        if code is not None and code < 0:
            how = f"DataLoader worker (pid {pid}) is killed by signal: {signal.strsignal(-code)}"
        raise RuntimeError(
            f"{how}. It left no error to show; num_workers=0 runs the data set in this process, where its error "
            "shows."
        )

    def end(self):
        """Let the workers finish what they are at, and wait for them."""
        self._end()

    @property
    def ended(self):
        """Whether the processes were told to end."""
        return not self._end.alive


def _end(owner, processes, tasks, results):
    if os.getpid() != owner:  # in a forked child: these are the parent's
        return
    for result in results:
        result.close()
    for task in tasks:
        try:
            task.send(None)
            task.close()
        except OSError:
            pass
    deadline = time.monotonic() + _PATIENCE_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.is_alive():
            process.terminate()
            process.join()
