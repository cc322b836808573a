"""A pool of processes that ends with an error, rather than never, when one of its workers is killed."""

import functools
import threading
from multiprocessing import connection, pool, reduction

from .context import get_context
from .parcel import packing
from .queue import SimpleQueue
from .spawn import ProcessExitedException

_GLANCE_S = 0.1  # how often join() looks after the workers
TERMINATE = pool.TERMINATE
_PATIENCE_S = 5.0  # how long a worker may take to end when it is told to


class Pool(pool.Pool):
    """multiprocessing.Pool, whose tasks and results cross in shared memory where they are tensors.

    A worker that is killed takes its task with it, and perhaps a lock of the pool. All results that are awaited
    then raise ProcessExitedException, as do new tasks; the other workers are ended.
    """

    def __init__(
        self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None
    ):
        self._watch = _Watch()
        self.Process = self._watch.process  # the pool's threads make workers by it
        try:
            context = context or get_context()
            super().__init__(processes, initializer, initargs, maxtasksperchild, context)
        finally:
            self._watch.attach(self)

    def _setup_queues(self):
        self._inqueue = self._ctx.SimpleQueue()
        self._outqueue = _Results(ctx=self._ctx)
        self._quick_put = self._inqueue._writer.send
        self._quick_get = self._outqueue._reader.recv

    @classmethod
    def _terminate_pool(
        cls, taskqueue, inqueue, outqueue, pool, change_notifier, worker_handler, task_handler,
        result_handler, cache,
    ):  # fmt: skip
        # Python's way takes the locks of the queues and reads from them, which never ends if a worker was killed
        # while it held a lock or had sent half of its message.
        for handler in (worker_handler, task_handler, result_handler):
            handler._state = TERMINATE
        change_notifier.put(None)
        _abandon(inqueue, outqueue)
        _join(worker_handler)  # so that it starts no more workers
        for process in pool:
            if process.exitcode is None:
                process.terminate()
        for process in pool:
            process.join(_PATIENCE_S)
            if process.is_alive():
                process.kill()
                process.join()
        _join(task_handler)
        _join(result_handler)

    def join(self):
        """Wait until the workers have ended, after close() or terminate()."""
        if self._state != pool.CLOSE:
            super().join()
            return
        handlers = self._worker_handler, self._task_handler, self._result_handler
        while any(part.is_alive() for part in (*handlers, *self._pool)):
            sentinels = [process.sentinel for process in self._pool if process.is_alive()]
            connection.wait(sentinels, _GLANCE_S) if sentinels else handlers[-1].join(_GLANCE_S)
            self._watch.look()

    def _check_running(self):
        if self._watch.error is not None:
            raise self._watch.error
        super()._check_running()


def _checked(name):
    """The method of that name; a pool that broke meanwhile fails its result too."""
    method = getattr(pool.Pool, name)

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        result = method(self, *args, **kwargs)
        if self._watch.error is not None:
            self._watch.fail_results()
        return result

    return call


for _name in ("apply_async", "_map_async", "imap", "imap_unordered"):
    setattr(Pool, _name, _checked(_name))


class _Watch:
    """The workers of a pool, and what to do when one was killed. Knows the pool's parts, not the pool."""

    def __init__(self):
        self.processes = []
        self.error = None
        self.lock = threading.Lock()
        self.attached = threading.Event()

    def attach(self, owner):
        self.cache = getattr(owner, "_cache", {})
        self.handler = getattr(owner, "_worker_handler", None)
        self.queues = [getattr(owner, name, None) for name in ("_inqueue", "_outqueue")]
        self.attached.set()

    def process(self, ctx, *args, **kwargs):
        """A new worker. The pool's thread asks for one in place of a worker that has ended."""
        if self.attached.is_set():
            self.look()
        if self.error is not None:
            return _NoWorker()
        self.processes = [p for p in self.processes if p.exitcode != 0]
        self.processes.append(ctx.Process(*args, **kwargs))
        return self.processes[-1]

    def look(self):
        """Ends the pool if one of its workers was killed."""
        with self.lock:
            killed = [p for p in self.processes if p.exitcode not in (None, 0)]
            if killed and self.error is None:
                self._break(killed[0])

    def _break(self, killed):
        self.error = ProcessExitedException(
            f"Pool: worker process {killed.pid} ended with exit code {killed.exitcode} before its task was "
            "done, so the pool has ended. A task may not end its process; was it killed for its memory?",
            error_index=self.processes.index(killed),
            error_pid=killed.pid,
            exit_code=killed.exitcode,
        )
        for process in self.processes:
            process.kill()
            process.join()
        self.handler._state = TERMINATE
        self.fail_results()
        _abandon(*self.queues)

    def fail_results(self):
        """Every result that is awaited raises the error."""
        # They stay in the cache: the pool's threads take them out as they come to them.
        for result in list(self.cache.values()):
            if isinstance(result, pool.IMapIterator):
                with result._cond:
                    result._items.append((False, self.error))
                    result._cond.notify_all()
            else:
                result._success, result._value = False, self.error
                if result._error_callback:
                    result._error_callback(self.error)
                result._event.set()


def _join(handler):
    if threading.current_thread() is not handler:
        handler.join()


class _Results(SimpleQueue):
    """The workers' answers, and a last None from the pool's thread: it waits for no worker that was killed."""

    abandoned = False

    def put(self, obj):
        """Put an object, unless the queue has been abandoned by the time that its lock is free."""
        with packing():
            content = reduction.ForkingPickler.dumps(obj)
            while not self._wlock.acquire(timeout=_GLANCE_S):
                if self.abandoned:
                    return
            try:
                self._writer.send_bytes(content)
            finally:
                self._wlock.release()


def _abandon(inqueue, outqueue):
    """Ends what the pool's threads wait for: room for a task, a result, a worker's lock."""
    outqueue.abandoned = True
    inqueue._reader.shutdown()
    outqueue._reader.shutdown()


class _NoWorker:
    """In the list of workers of a pool that has ended."""

    exitcode = None
    pid = None
    name = ""

    def start(self):
        pass

    terminate = kill = start

    def join(self, timeout=None):
        pass

    def is_alive(self):
        return False
