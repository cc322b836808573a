"""What a worker process does: it answers tasks (epoch, number, indices) with batches until told to end."""

import os
import queue
import random
import sys
import threading
import traceback

import flambeau

from . import transport


class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, its copy of the data."""

    def __init__(self, id, num_workers, seed, dataset, init_fn):
        self.id = id
        self.num_workers = num_workers
        self.seed = seed
        self.dataset = dataset
        self.init_fn = init_fn

    def __repr__(self):
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset})"


_info = None


def get_worker_info():
    """In a worker process its WorkerInfo, elsewhere None."""
    return _info


class Finished:
    """The answer of a worker whose iterable data set has ended."""


class Failure:
    """An exception on its way to the main process, with the worker's traceback as text."""

    def __init__(self, error, where):
        kind = type(error)
        self.where = where
        self.text = "".join(traceback.format_exception(kind, error, error.__traceback__))
        self.name = kind.__name__
        try:
            self.kind = (
                kind if transport.pickle.loads(transport.pickle.dumps(kind)) is kind else None
            )
        except Exception:  # a class of a function's inside, or of the main program under spawn
            self.kind = None

    def reraise(self):
        """Raises it again, as the same type where that can be made from one text."""
        text = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            text = _Verbatim(text)
        try:
            error = self.kind(text)
        except Exception:
            error = RuntimeError(text)
        raise error


class _Verbatim(str):
    """A text whose repr, which KeyError shows, is the text."""

    def __repr__(self):
        return str(self)


def run(info, make_fetch, parent, tasks, results, inherited):
    """The main function of a worker.

    Args:
        info (WorkerInfo): of this worker.
        make_fetch (callable): from the data set to what makes batches; called again for each epoch.
        parent (int): the process that started it.
        tasks, results (Connection): where tasks come from and answers go.
        inherited (list of Connection): the parent's, which this process has no use for.
    """
    global _info
    for connection in inherited:
        connection.close()
    where = f"in DataLoader worker process {info.id}"
    inbox = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(tasks, inbox, parent), daemon=True).start()
    try:
        failure = fetch = epoch = None
        try:
            flambeau.set_num_threads(1)
            _info = info
            _seed(info.seed)
            if info.init_fn is not None:
                info.init_fn(info.id)
        except Exception as error:
            failure = Failure(error, where)
        while (task := inbox.get()) is not None:
            number, indices = task[1:]
            try:
                if task[0] != epoch:
                    epoch, fetch = task[0], None
                if fetch is None and failure is None:
                    fetch = make_fetch(info.dataset)
                answer = failure or fetch(indices)
            except StopIteration:
                answer = Finished()
            except Exception as error:
                answer = Failure(error, where)
            try:
                transport.send(results.fileno(), (epoch, number, answer))
            except OSError:  # nobody listens any more
                return
            except Exception as error:
                transport.send(results.fileno(), (epoch, number, Failure(error, where)))
    except KeyboardInterrupt:  # the main process shows it
        pass


def _receive(tasks, inbox, parent):
    """Empties the pipe of tasks, so that the main process never waits in writing to it."""
    try:
        while True:
            while not tasks.poll(5):
                if os.getppid() != parent:
                    os._exit(1)
            task = tasks.recv()
            inbox.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        inbox.put(None)


def _seed(seed):
    """Seeds every source of random numbers that is there; no two workers draw the same."""
    flambeau.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        import numpy

        numpy.random.seed([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF])
