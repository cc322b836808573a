"""The first batch of workers that were just started: each makes a share of it, so that it is there sooner.

Only where no program can tell but by get_worker_info(): samples by index, collated by default_collate().
"""

import itertools

import flambeau

from ..._utils import ExceptionWrapper
from .collate import default_collate, default_collate_fn_map
from .dataset import Subset
from .share import Placed, Share


def is_divisible(loader):
    """Whether the batches of a loader may be made in shares."""
    dataset = loader.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return (
        loader.num_workers > 1
        and loader.worker_init_fn is None  # which may make workers differ
        and not loader._iterable
        and loader._auto_collation
        and loader.collate_fn is default_collate
        and not default_collate_fn_map.changed
        and not any(hasattr(dataset, name) for name in ("__getbatch__", "__getitems__"))
    )


class FirstBatch:
    """A batch of which each worker makes a share. The tasks are numbered -1, -2, ..., a worker each.

    room (Room, optional): where the workers write to; without one they send their shares.
    """

    def __init__(self, indices, workers, room):
        self.indices = indices
        self.room = room
        size = -(-len(indices) // workers)
        starts = range(0, len(indices), size) if indices else ()
        self.tasks = [Share(indices[i : i + size], i, len(indices)) for i in starts]
        self.answers = {}

    def is_complete(self, number, answer):
        """Takes an answer; whether all are there."""
        self.answers[number] = answer
        return len(self.answers) == len(self.tasks)

    def batch(self):
        """The whole batch, or the failure of the first worker that has one. Mismatch: see join."""
        answers = [self.answers[-1 - i] for i in range(len(self.tasks))]
        for answer in answers:
            if isinstance(answer, ExceptionWrapper):
                return answer
        return join(answers, self.room)


class Mismatch(Exception):
    """Shares that are not what default_collate() would have made of the whole."""


def join(parts, room=None):
    """Batches, one behind the other, as one. Mismatch where default_collate() would not make the same of all samples."""
    first = parts[0]
    if any(type(part) is not type(first) for part in parts):
        raise Mismatch
    if type(first) is Placed:
        if any(part.place != first.place for part in parts):
            raise Mismatch
        return first.in_room(room)
    if type(first) is flambeau.Tensor:
        if not first.ndim or not all(_extends(first, part) for part in parts):
            raise Mismatch
        return flambeau.cat(parts)
    if type(first) is dict:
        if any(list(part) != list(first) for part in parts):
            raise Mismatch
        return {key: join([part[key] for part in parts], room) for key in first}
    if type(first) not in (list, tuple):
        raise Mismatch
    if first and all(isinstance(value, str | bytes) for part in parts for value in part):
        return type(first)(itertools.chain.from_iterable(parts))
    if type(first) is tuple or any(len(part) != len(first) for part in parts):
        raise Mismatch
    return [join(column, room) for column in zip(*parts)]


def _extends(first, part):
    return (
        part.dtype == first.dtype
        and part.shape[1:] == first.shape[1:]
        and part.layout == flambeau.strided
        and not part.requires_grad
    )
