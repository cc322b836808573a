"""DataLoader: batches of a data set, one after the other."""

import itertools
import warnings

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, GeneratedSampler, RandomSampler, Sampler, SequentialSampler


def get_worker_info():
    """What a worker process knows of itself; None here, in the main process."""
    return None


class _Endless(Sampler):
    """Nothing but the beat: an iterable data set is asked for the next sample."""

    def __iter__(self):
        return itertools.repeat(None)


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
        num_workers (int): 0; worker processes are not there yet.
        collate_fn (callable, optional): from a list of samples to a batch.
        pin_memory (bool): accepted; there is no memory to pin without a GPU.
        drop_last (bool): leave out the last batch where it is shorter.
        generator (Generator, optional): where the random order comes from.
        timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers,
            pin_memory_device, in_order: of worker processes, checked as PyTorch checks them.

    Raises:
        ValueError: arguments that exclude each other or are out of range.
        NotImplementedError: num_workers above 0.

    state_dict() after some batches, and load_state_dict() in a new loader made with the same
    arguments, continue in mid-epoch: the next `iter` gives the batches that were still to come, and
    the epochs after it the same as without the break. Samples already given are not read again,
    except from an iterable data set that has no state_dict of its own.
    """

    _fixed = frozenset(
        ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
    )
    _initialized = False

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _check_worker_arguments(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator

        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_iterable_arguments(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )

        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._running = None  # the iterator whose place state_dict() tells
        self._resume = None
        self._initialized = True

    def __setattr__(self, name, value):
        if self._initialized and name in self._fixed:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def _indices(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self):
        resume, self._resume = self._resume, None
        kind = _StreamIterator if self._iterable else _IndexIterator
        self._running = kind(self, resume)
        return self._running

    def __len__(self):
        if not self._iterable:
            return len(self._indices)
        length = len(self.dataset)
        if self.batch_size is None:
            return length
        if self.drop_last:
            return length // self.batch_size
        return -(-length // self.batch_size)

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
        if self._iterable and hasattr(self.dataset, "state_dict"):
            state["dataset"] = self.dataset.state_dict()
        return state

    def load_state_dict(self, state_dict):
        """Let the next `iter` continue where state_dict() was taken."""
        if ("sampler" in state_dict) != (self._generated_sampler is not None):
            raise ValueError(
                "DataLoader.load_state_dict: the state was saved with another kind of sampler "
                f"than this loader's {type(self.sampler).__name__}."
            )
        self._resume = dict(state_dict)

    @property
    def _generated_sampler(self):
        """The random sampler of this loader, whether the loader or the caller made it."""
        for candidate in (self.sampler, getattr(self.batch_sampler, "sampler", None)):
            if isinstance(candidate, GeneratedSampler):
                return candidate
        return None


class _Iterator:
    """One epoch. `batches` counts those given, `finished` is true after the last."""

    def __init__(self, loader, resume):
        self.loader = loader
        self.batches = 0
        self.finished = False
        if resume and "sampler" in resume:
            loader._generated_sampler.load_state_dict(resume["sampler"])
        self._open(resume)
        if resume:
            self.batches = resume["batches"]

    def __iter__(self):
        return self

    def __next__(self):
        try:
            batch = self._fetch()
        except StopIteration:
            self.finished = True
            raise
        self.batches += 1
        return batch

    def __len__(self):
        return len(self.loader)


class _IndexIterator(_Iterator):
    def _open(self, resume):
        loader, dataset = self.loader, self.loader.dataset
        self.indices = iter(loader._indices)
        for _ in range(resume["batches"] if resume else 0):
            next(self.indices, None)
        self.fetch_collated = None
        if loader.batch_sampler is None:
            self.fetch = dataset.__getitem__
            return
        if loader.collate_fn is default_collate:
            self.fetch_collated = getattr(dataset, "__getbatch__", None)
        self.fetch = getattr(dataset, "__getitems__", None)
        if self.fetch is None:
            self.fetch = lambda indices: [dataset[i] for i in indices]

    def _fetch(self):
        indices = next(self.indices)
        if self.fetch_collated is not None:
            batch = self.fetch_collated(indices)
            if batch is not NotImplemented:
                return batch
        return self.loader.collate_fn(self.fetch(indices))


class _StreamIterator(_Iterator):
    def _open(self, resume):
        loader = self.loader
        dataset = loader.dataset
        self.given = 0
        self.expected = None
        skip = resume["batches"] if resume else 0
        if resume and "dataset" in resume:
            dataset.load_state_dict(resume["dataset"])
            skip = 0
        self.samples = iter(dataset)
        for _ in range(skip * (loader.batch_size or 1)):
            next(self.samples, None)

    def _fetch(self):
        loader = self.loader
        if loader.batch_sampler is None:
            data = next(self.samples)
            self._count(1)
            return loader.collate_fn(data)
        data = list(itertools.islice(self.samples, loader.batch_size))
        if not data or (loader.drop_last and len(data) < loader.batch_size):
            raise StopIteration
        self._count(len(data))
        return loader.collate_fn(data)

    def _count(self, n):
        """Warn once where the data set gives more samples than its __len__ told."""
        self.given += n
        if self.expected is None:
            try:
                self.expected = len(self.loader.dataset)
            except (TypeError, NotImplementedError):
                self.expected = float("inf")
        if self.given > self.expected:
            warnings.warn(
                f"Length of IterableDataset {self.loader.dataset} was reported to be "
                f"{self.expected}, but {self.given} samples have been fetched.",
                stacklevel=4,
            )
            self.expected = float("inf")


def _check_worker_arguments(
    num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
):
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers > 0:
        raise NotImplementedError(
            f"DataLoader: num_workers={num_workers}, but worker processes are not there yet. "
            "Use num_workers=0, which reads in this process."
        )
    if prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. let num_workers "
            "> 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if multiprocessing_context is not None:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            "(num_workers > 0), but got num_workers=0"
        )


def _check_iterable_arguments(shuffle, sampler, batch_sampler):
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )
