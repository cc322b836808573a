"""DataLoader: batches of a data set, one after the other."""

import itertools
import os
import types
from collections.abc import Callable

import flambeau

from ... import _core
from .collate import default_collate, default_convert
from .dataset import IterableDataset, is_pipe
from .fetch import _DatasetKind
from .iterators import (
    _BaseDataLoaderIter,
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)
from .sampler import BatchSampler, GeneratedSampler, RandomSampler, Sampler, SequentialSampler

_collate_fn_t = Callable[[list], object]  # in annotations of libraries
_FEW = 4  # workers of which nobody is warned, however few the CPUs are


class _Endless(Sampler):
    """Nothing but the beat: an iterable data set is asked for the next sample."""

    def __iter__(self):
        return itertools.repeat(None)


__all__ = [
    "DataLoader",
    "_BaseDataLoaderIter",
    "_DatasetKind",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
]


class DataLoader:
    """Batches of a data set.

    A batch is read at once where the data set can: through `__getbatch__` (TensorDataset, the
    vision data sets without transforms, and subsets of them) where collate_fn is the default, else
    through `__getitems__`.

    Args:
        dataset (Dataset): samples by index, or an IterableDataset.
        batch_size (int, optional): samples in a batch; None turns batching off.
        shuffle (bool, optional): a new random order in every epoch.
        sampler (Sampler or iterable of int, optional): the order; excludes shuffle.
        batch_sampler (Sampler or iterable of list of int, optional): whole batches of indices;
            excludes batch_size, shuffle, sampler and drop_last.
        num_workers (int): processes that make the batches; 0 makes them in this process. Batches and
            their order are the same for any number, but for random numbers drawn in the workers.
        collate_fn (callable, optional): from a list of samples to a batch.
        pin_memory (bool): batches lie in page-locked memory, from which copies to a GPU need not wait. Without a GPU
            nothing is pinned, and a warning says so.
        drop_last (bool): leave out the last batch where it is shorter.
        timeout (float): how long, in seconds, to wait for a batch of a worker; 0 is for ever.
        worker_init_fn (callable, optional): called with its number when a worker starts, after
            flambeau's, Python's and NumPy's random numbers were seeded, in each worker differently.
        multiprocessing_context (str or context, optional): "fork", "spawn" or "forkserver".
        generator (Generator, optional): where the random order and the workers' seeds come from.
        prefetch_factor (int, optional): batches that each worker makes in advance; 2.
        persistent_workers (bool): keep the workers, and their copies of the data set, after an epoch.
        pin_memory_device (str): see pin_memory.
        in_order (bool): give batches in their order; False gives the one that is ready first.

    Raises:
        ValueError: arguments that exclude each other or are out of range.
        RuntimeError: a worker died, or took longer than `timeout`.
        an exception of a worker: again here, as the same type, with the worker's traceback in its text.

    state_dict() after some batches, and load_state_dict() in a new loader made with the same
    arguments, continue in mid-epoch: the next `iter` gives the batches that were still to come, and
    the epochs after it the same as without the break. Samples already given are not read again,
    except from an iterable data set that has no state_dict of its own.

    Example:
        >>> from flambeau.utils.data import DataLoader
        >>> list(DataLoader(range(5), batch_size=2))
        [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    _fixed = frozenset(
        ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
    )
    _initialized = False
    __class_getitem__ = classmethod(types.GenericAlias)  # DataLoader[int], for annotations

    def __init__(
        self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
        collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
        multiprocessing_context=None, generator=None, *, prefetch_factor=None,
        persistent_workers=False, pin_memory_device="", in_order=True,
    ):  # fmt: skip
        _check_worker_arguments(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        self.dataset = dataset
        self.num_workers = num_workers
        self.check_worker_number_rationality()
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        self.prefetch_factor = prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context)
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator

        self._iterable = isinstance(dataset, IterableDataset)
        self._is_pipe = is_pipe(dataset)
        if self._is_pipe:
            from .graph_settings import apply_shuffle_settings

            dataset = self.dataset = apply_shuffle_settings(dataset, shuffle)
            shuffle = None if self._iterable else shuffle
        if self._iterable:
            _check_iterable_arguments(shuffle, sampler, batch_sampler)
        _check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._default_sampler(shuffle)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._told_length = None  # of an iterable data set, where len(loader) was asked
        self._running = None  # the progress of the last iterator, which state_dict() tells
        self._resume = None
        self._epochs = 0
        self._workers = None  # those that persist
        self._initialized = True

    def _default_sampler(self, shuffle):
        if self._iterable:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name, value):
        if self._initialized and name in self._fixed:
            raise ValueError(
                f"{type(self).__name__}: {name} cannot be changed once the loader is made. Make a "
                "new one."
            )
        super().__setattr__(name, value)

    @property
    def _dataset_kind(self):
        return _DatasetKind.Iterable if self._iterable else _DatasetKind.Map

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self):
        if self.pin_memory and not flambeau.cuda.is_available():
            _core._warn(
                "DataLoader: pin_memory=True has no effect, because there is no accelerator."
            )
        iterator = self._get_iterator()
        self._running = iterator.progress
        self._epochs += 1
        return iterator

    def _get_iterator(self):
        if self._is_pipe:
            from .graph_settings import apply_random_seed

            apply_random_seed(self.dataset, self.generator or flambeau.default_generator)
        resume, self._resume = self._resume, None
        kind = _MultiProcessingDataLoaderIter if self.num_workers else _SingleProcessDataLoaderIter
        return kind(self, resume)

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        length = len(self.dataset)
        if self.batch_size is not None:
            rest = 0 if self.drop_last else self.batch_size - 1
            length = (length + rest) // self.batch_size
        self._told_length = length
        return length

    def check_worker_number_rationality(self):
        """Warns of more workers than this process has CPUs for."""
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if self.num_workers > max(cpus or 1, _FEW):
            _core._warn(
                f"DataLoader: {self.num_workers} workers share {cpus} CPUs here, which makes them slower rather than "
                "faster and takes memory for each. Give a smaller num_workers."
            )

    def state_dict(self):
        """Where the iteration stands, as numbers and tensors that torch.save can write."""
        if self._resume is not None:
            return dict(self._resume)
        given = 0
        if self._running is not None and not self._running.finished:
            given = self._running.batches
        state = {"batches": given}
        if self._generated_sampler is not None:
            state["sampler"] = self._generated_sampler.state_dict(running=given > 0)
        if self._iterable and not self.num_workers and hasattr(self.dataset, "state_dict"):
            state["dataset"] = self.dataset.state_dict()
        return state

    def load_state_dict(self, state_dict):
        """Let the next `iter` continue where state_dict() was taken."""
        if ("sampler" in state_dict) != (self._generated_sampler is not None):
            raise ValueError(
                "DataLoader.load_state_dict: the state is one of another kind of sampler than "
                f"this loader's {type(self.sampler).__name__}."
            )
        self._resume = dict(state_dict)

    @property
    def _generated_sampler(self):
        """The random sampler of this loader, whether the loader or the caller made it."""
        for candidate in (self.sampler, getattr(self.batch_sampler, "sampler", None)):
            if isinstance(candidate, GeneratedSampler):
                return candidate
        return None


def _check_worker_arguments(
    num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
):
    if num_workers < 0:
        raise ValueError(
            f"DataLoader: num_workers is {num_workers}; it must be 0, for none, or more."
        )
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout is {timeout}; it must be 0 or more seconds.")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(
            f"DataLoader: prefetch_factor is {prefetch_factor}; it must be 0 or more batches."
        )
    if num_workers > 0:
        return
    if prefetch_factor is not None:
        raise ValueError("DataLoader: prefetch_factor needs workers, and num_workers is 0.")
    if persistent_workers:
        raise ValueError("DataLoader: persistent_workers=True needs workers, and num_workers is 0.")
    if multiprocessing_context is not None:
        raise ValueError("DataLoader: multiprocessing_context needs workers, and num_workers is 0.")


def _context(given):
    """A context of multiprocessing from its name; None stays None."""
    if given is None:
        return None
    import multiprocessing

    if isinstance(given, str):
        valid = multiprocessing.get_all_start_methods()
        if given not in valid:
            raise ValueError(
                f"DataLoader: multiprocessing_context is {given!r}; it must be one of {valid!r}."
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError(
            "DataLoader: multiprocessing_context must be a context or the name of one, not "
            f"{type(given).__name__}."
        )
    return given


def _check_order(batch_size, shuffle, sampler, batch_sampler, drop_last):
    """Raises for arguments of which each says in which order samples come, or how many make a batch."""
    if sampler is not None and shuffle:
        raise ValueError(
            "DataLoader: give sampler or shuffle=True, not both; the sampler decides on the order."
        )
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler makes the batches, so batch_size, shuffle, sampler "
                "and drop_last must be left away."
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "DataLoader: batch_size=None makes no batches, so drop_last has none to drop. "
            "Leave it away."
        )


def _check_iterable_arguments(shuffle, sampler, batch_sampler):
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader: an IterableDataset decides on its order, so {name}={value} has no "
                "effect. Leave it away."
            )
