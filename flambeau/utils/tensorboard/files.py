"""FileWriter: events into a file."""

import itertools
import os
import socket
import threading
import time

from .library import proto
from .summary import RecordWriter

_counter = itertools.count()


class FileWriter:
    """Writes events to one file of a folder.

    Args:
        log_dir (path): the folder, which is made if it is not there.
        max_queue (int), flush_secs (float): how many events, or seconds, may wait in memory.
        filename_suffix (str): the end of the file's name.
    """

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self._log_dir = os.fspath(log_dir)
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._suffix = filename_suffix
        self._lock = threading.Lock()
        self._file = None
        self.reopen()

    def reopen(self):
        """Open another file in the same folder, if this one is closed."""
        if self._file is not None:
            return
        os.makedirs(self._log_dir, exist_ok=True)
        # the name that TensorFlow gives, which TensorBoard looks for; no two are the same
        number = next(_counter)
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{number}{self._suffix}"
        self._file = RecordWriter(open(os.path.join(self._log_dir, name), "xb"))
        self._waiting, self._flushed = 0, 0.0
        self.add_event(proto("event").Event(file_version="brain.Event:2"))

    def get_logdir(self):
        """The folder."""
        return self._log_dir

    def add_event(self, event, step=None, walltime=None):
        """Write an event."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        data = event.SerializeToString()
        with self._lock:
            if self._file is None:
                return
            self._file.write(data)
            self._waiting += 1
            now = time.monotonic()
            if self._waiting >= self._max_queue or now - self._flushed >= self._flush_secs:
                self._file.flush()
                self._waiting, self._flushed = 0, now

    def add_summary(self, summary, global_step=None, walltime=None):
        """Write a summary."""
        self.add_event(proto("event").Event(summary=summary), global_step, walltime)

    def add_graph(self, graph, walltime=None):
        """Write a graph: a GraphDef, or a pair of it and statistics, which are left out."""
        graph = graph[0] if isinstance(graph, tuple) else graph
        self.add_event(proto("event").Event(graph_def=graph.SerializeToString()), None, walltime)

    add_onnx_graph = add_graph

    def flush(self):
        """Write what waits to disk."""
        with self._lock:
            if self._file is not None:
                self._file.flush()
                self._waiting = 0

    def close(self):
        """Write what waits, and close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
