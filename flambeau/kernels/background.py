"""Work for a thread that lives while there is some."""

import threading
from collections import deque

__all__ = ["Background"]


class Background:
    """Jobs that a thread of its own does, one after the other; between them nothing runs and nothing is held.

    Args:
        name (str): the thread's. work (callable): does a job, and raises nothing.
    """

    def __init__(self, name, work):
        self.name, self.work = name, work
        self.reset()

    def reset(self):
        """Forgets all jobs: a forked child has no such thread."""
        self._lock, self._jobs, self._thread = threading.Lock(), deque(), None

    def add(self, job):
        """Has a job done; False where there can be no thread, and nothing will be."""
        thread = threading.Thread(target=self._run, name=self.name)
        with self._lock:  # under which nothing is made, as finalizers may have jobs too
            self._jobs.append(job)
            if self._thread is not None:
                return True
            self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, or there are no threads left
            self._thread = None
            return False
        return True

    def drop(self):
        """The jobs that have not been begun, which will not be."""
        with self._lock:
            dropped = list(self._jobs)
            self._jobs.clear()
            return dropped

    def wait(self):
        """Returns when nothing is being done."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self):
        while True:
            with self._lock:
                if not self._jobs or not threading.main_thread().is_alive():
                    self._thread = None
                    return
                job = self._jobs.popleft()
            self.work(job)
