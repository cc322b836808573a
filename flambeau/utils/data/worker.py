"""What a worker process does: it answers tasks (epoch, number, indices) with batches until told to end."""

import gc
import os
import queue
import random
import sys
import threading

import flambeau

from ..._utils import ExceptionWrapper
from .dataset import is_pipe
from .share import Share

MP_STATUS_CHECK_INTERVAL = (
    5.0  # how often, in seconds, a worker looks whether the main process lives
)


class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, its copy of the data.

    Example:
        >>> from flambeau.utils.data import WorkerInfo
        >>> info = WorkerInfo(id=1, num_workers=4, seed=7, dataset=range(10), init_fn=None)
        >>> list(info.dataset)[info.id :: info.num_workers]  # a worker's part of an iterable data set
        [1, 5, 9]
    """

    def __init__(self, id, num_workers, seed, dataset, init_fn):
        self.id, self.num_workers = id, num_workers
        self.seed = seed
        self.dataset, self.init_fn = dataset, init_fn

    def __repr__(self):
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset})"


_worker_info = None
_share = None  # and its room, while this worker makes its share of the first batch


def get_worker_info():
    """In a worker process its WorkerInfo, elsewhere None.

    Example:
        >>> from flambeau.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return _worker_info


class Finished:
    """The answer of a worker whose iterable data set has ended."""


def run(info, make_fetch, parent, tasks, results, inherited, room):
    """The main function of a worker.

    Args:
        info (WorkerInfo): of this worker.
        make_fetch (callable): from the data set to what makes batches; called again for each epoch.
        parent (int): the process that started it.
        tasks, results (Connection): where tasks come from and answers go.
        inherited (list of Connection): the parent's, which this process has no use for.
        room (Room, optional): where it leaves its share of the first batch.
    """
    global _worker_info
    from . import transport  # which loads multiprocessing

    # What the parent left is not looked through for garbage here, which would copy its pages.
    gc.freeze()
    for connection in inherited:
        connection.close()
    where = f"in DataLoader worker process {info.id}"
    inbox = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(tasks, inbox, parent), daemon=True).start()
    try:
        failure = fetch = epoch = None
        try:
            flambeau.set_num_threads(1)
            _worker_info = info
            if is_pipe(info.dataset):
                from .graph_settings import apply_sharding

                apply_sharding(info.dataset, info.num_workers, info.id)
            _seed(info)
            if info.init_fn is not None:
                info.init_fn(info.id)
        except Exception:
            failure = ExceptionWrapper(where=where)
        while (task := inbox.get()) is not None:
            number, indices = task[1:]
            try:
                if task[0] != epoch:
                    epoch, fetch = task[0], None
                if fetch is None and failure is None:
                    fetch = make_fetch(info.dataset)
                answer = failure or _fetched(fetch, indices, room)
            except Exception as error:
                ended = isinstance(error, StopIteration) and getattr(fetch, "may_end", False)
                answer = Finished() if ended else ExceptionWrapper(where=where)
            try:
                transport.send(results, (epoch, number, answer))
            except OSError:  # nobody listens any more
                return
            except Exception:
                transport.send(results, (epoch, number, ExceptionWrapper(where=where)))
    except KeyboardInterrupt:  # the main process shows it
        pass


def _fetched(fetch, task, room):
    """The batch of some indices, or this worker's share of the first one."""
    global _share
    if type(task) is not Share:
        return fetch(task)
    _share = None if room is None else (task, room)
    try:
        return fetch(task.indices)
    finally:
        _share = None
        if room is not None:
            room.leave()


def placed(tensors):
    """Where tensors, all alike, were stacked as a share of the first batch; None where they are no part of one."""
    return None if _share is None else _share[0].place(_share[1], tensors)


def _receive(tasks, inbox, parent):
    """Empties the pipe of tasks, so that the main process never waits in writing to it."""
    try:
        while True:
            while not tasks.poll(MP_STATUS_CHECK_INTERVAL):
                if os.getppid() != parent:
                    os._exit(1)
            task = tasks.recv()
            inbox.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        inbox.put(None)


def _seed(info):
    """Seeds every source of random numbers that is there; no two workers draw the same."""
    flambeau.manual_seed(info.seed)
    random.seed(info.seed)
    if "numpy" in sys.modules:
        import numpy

        numpy.random.seed(_generate_state(info.seed - info.id, info.id))


def _generate_state(base_seed, worker_id):
    """The seed of NumPy's random numbers in a worker: four numbers that differ for each pair of arguments."""
    from numpy.random import SeedSequence

    parts = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32 & 0xFFFFFFFF, 0]
    return SeedSequence(parts).generate_state(4).tolist()
