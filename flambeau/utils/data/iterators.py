"""One pass over a DataLoader: in this process, or by worker processes."""

import functools
import itertools

import flambeau

from ... import _core
from ..._utils import ExceptionWrapper
from . import first_batch
from .fetch import FetchByIndex, FetchFromStream, _DatasetKind
from .worker import Finished

# A loader is anything with the attributes that PyTorch's iterations read: libraries bring loaders of their own.


def is_stream(loader):
    """Whether a loader reads a stream."""
    return loader._dataset_kind == _DatasetKind.Iterable


def make_fetch(loader):
    """From the data set to what makes batches of it; goes to the workers."""
    if is_stream(loader):
        return functools.partial(
            FetchFromStream,
            batch_size=loader.batch_size if loader._auto_collation else None,
            drop_last=loader.drop_last,
            collate_fn=loader.collate_fn,
        )
    return functools.partial(
        FetchByIndex, batched=loader._auto_collation, collate_fn=loader.collate_fn
    )


def start_workers(loader):
    """The workers of an epoch: those of the last one if they persist."""
    from .workers import Workers  # multiprocessing is only loaded for those who use it

    kept = getattr(loader, "_workers", None)
    if kept is not None and not kept.ended:
        return kept
    workers = Workers(
        loader.num_workers,
        loader.multiprocessing_context,
        loader.dataset,
        make_fetch(loader),
        loader.worker_init_fn,
        _seed(loader),
        shares=first_batch.is_divisible(loader),
    )
    if loader.persistent_workers:
        loader._workers = workers
    return workers


def _seed(loader):
    """A seed for the workers, another in every epoch; the order of the samples does not change by it."""
    generator = loader.generator or flambeau.default_generator
    state = generator.get_state()
    drawn = flambeau.randint(2**62, (), generator=generator, device="cpu").item()
    generator.set_state(state)
    return drawn + getattr(loader, "_epochs", 0) * loader.num_workers


def pin_memory(data, device=None):
    """A batch whose tensors, and other parts that have pin_memory(), lie in page-locked memory."""
    from .._pytree import tree_map

    return tree_map(lambda part: part.pin_memory() if hasattr(part, "pin_memory") else part, data)


class _Progress:
    """How far an epoch is: the batches given, and whether that was all."""

    def __init__(self):
        self.batches = 0
        self.finished = False


class _BaseDataLoaderIter:
    """One epoch of a loader; subclasses define _open(resume, skip) and _next_data().

    loader (DataLoader): what it reads. resume (dict, optional): a state_dict of the loader's, from which on.
    """

    def __init__(self, loader, resume=None):
        self.loader = loader
        self.progress = _Progress()
        self._told = getattr(
            loader, "_told_length", None
        )  # by len(loader), before this epoch began
        self._pins = loader.pin_memory and flambeau.cuda.is_available()
        if resume and "sampler" in resume:
            loader._generated_sampler.load_state_dict(resume["sampler"])
        self._open(resume, resume["batches"] if resume else 0)
        if resume:
            self.progress.batches = resume["batches"]

    def __iter__(self):
        return self

    def __next__(self):
        try:
            batch = self._next_data()
        except StopIteration:
            self.progress.finished = True
            raise
        self.progress.batches += 1
        return pin_memory(batch) if self._pins else batch

    def __len__(self):
        return len(self.loader)

    def __getstate__(self):
        raise NotImplementedError(
            f"{type(self).__name__}: an iteration can't be pickled. Send the DataLoader, or its state_dict()."
        )

    @property
    def _num_yielded(self):
        return self.progress.batches

    @_num_yielded.setter
    def _num_yielded(self, batches):  # libraries that resume in the midst of an epoch
        self.progress.batches = batches

    def _open_indices(self, skip):
        self._sampler_iter = iter(self.loader._index_sampler)
        for _ in range(skip):
            next(self._sampler_iter, None)

    def _next_index(self):
        return next(self._sampler_iter)


# What the iterations tell of their loader, under the names by which libraries read it.
for _name, _of_loader in {
    "_dataset": "dataset",
    "_dataset_kind": "_dataset_kind",
    "_auto_collation": "_auto_collation",
    "_drop_last": "drop_last",
    "_index_sampler": "_index_sampler",
    "_num_workers": "num_workers",
    "_collate_fn": "collate_fn",
    "_timeout": "timeout",
    "_pin_memory": "pin_memory",
    "_persistent_workers": "persistent_workers",
    "_prefetch_factor": "prefetch_factor",
}.items():
    setattr(
        _BaseDataLoaderIter,
        _name,
        property(lambda self, name=_of_loader: getattr(self.loader, name)),
    )


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """An epoch made in this process."""

    def _open(self, resume, skip):
        loader = self.loader
        self._stream = is_stream(loader)
        if not self._stream:
            self._open_indices(skip)
            self._dataset_fetcher = make_fetch(loader)(loader.dataset)
            return
        self._given, self._expected = 0, None
        if resume and "dataset" in resume:
            loader.dataset.load_state_dict(resume["dataset"])
            skip = 0
        self._open_indices(0)
        self._dataset_fetcher = make_fetch(loader)(loader.dataset)
        self._dataset_fetcher.skip(skip)

    def _next_data(self):
        batch = self._dataset_fetcher(self._next_index())
        if self._stream:
            self._count(self._dataset_fetcher.given)
        return batch

    def _count(self, n):
        """Warn once where the data set gives more samples than its __len__ told."""
        self._given += n
        if self._told is None:
            return  # nobody relies on it
        if self._expected is None:
            try:
                self._expected = len(self.loader.dataset)
            except (TypeError, NotImplementedError):
                self._expected = float("inf")
        if self._given > self._expected:
            _core._warn(
                f"DataLoader: {type(self.loader.dataset).__name__} says that its length is "
                f"{self._expected}, but it gave {self._given} samples by now."
            )
            self._expected = float("inf")


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """An epoch made by worker processes, which take turns.

    `pending` has the worker of each task that was given out, in their order; `arrived` the answers
    that wait for their turn. So many tasks are out at a time that each worker has prefetch_factor.
    """

    def _open(self, resume, skip):
        loader = self.loader
        self._processes = start_workers(loader)
        self.epoch = self._processes.new_epoch()
        self.turns = itertools.cycle(range(len(self._processes)))
        self.active = set(range(len(self._processes)))
        self.pending, self.arrived, self.submitted = {}, {}, 0
        self.shared = None  # the first batch of new workers, while they make their shares of it
        self._open_indices(0 if is_stream(loader) else skip)
        for _ in range(loader.prefetch_factor * len(self._processes)):
            self._submit()
        if is_stream(loader):
            for _ in range(skip):  # only the workers know their streams
                self._next_data()

    def _submit(self):
        """Give the next task to the worker whose turn it is."""
        if not self.active:
            return
        try:
            indices = self._next_index()
        except StopIteration:
            return
        worker = next(worker for worker in self.turns if worker in self.active)
        if not self._share_out(indices):
            self._processes.submit(worker, self.submitted, indices)
        self.pending[self.submitted] = worker
        self.submitted += 1

    def _next_data(self):
        while self.pending:
            number = (
                next(iter(self.pending)) if self.loader.in_order else next(iter(self.arrived), -1)
            )
            if number not in self.arrived:
                epoch, number, answer = self._processes.receive(self.loader.timeout)
                if epoch == self.epoch:  # else of an epoch that was left early
                    self._take(number, answer)
                continue
            worker, answer = self.pending.pop(number), self.arrived.pop(number)
            if isinstance(answer, Finished):
                self.active.discard(worker)
            self._submit()
            if isinstance(answer, ExceptionWrapper):
                answer.reraise()
            if not isinstance(answer, Finished):
                self._count()
                return answer
        if not self.loader.persistent_workers:
            self._processes.end()
        raise StopIteration

    def _share_out(self, indices):
        """Give each worker a share of the first batch; whether that was done."""
        room, self._processes.room = self._processes.room, None
        if self.submitted or self.epoch > 1 or type(indices) is not list:
            return False
        if not first_batch.is_divisible(self.loader):
            return False
        shared = first_batch.FirstBatch(indices, len(self._processes), room)
        if len(shared.tasks) < 2:
            return False
        for worker, share in enumerate(shared.tasks):
            self._processes.submit(worker, -1 - worker, share)
        self.shared = shared
        return True

    def _take(self, number, answer):
        """An answer of a worker: a batch, or a share of the first."""
        if number >= 0:
            self.arrived[number] = answer
        elif self.shared.is_complete(number, answer):
            shared, self.shared = self.shared, None
            try:
                self.arrived[0] = shared.batch()
            except first_batch.Mismatch:
                self._processes.submit(self.pending[0], 0, shared.indices)

    def _count(self):
        """Warn where more batches come than len(loader), if it was asked, told."""
        told = self._told
        if told is not None and self.progress.batches >= told:
            _core._warn(
                f"DataLoader: the length of {type(self.loader.dataset).__name__} means {told} batches, but this is "
                f"number {self.progress.batches + 1}. With workers, share the samples out by get_worker_info()."
            )

    @property
    def _workers(self):
        return self._processes.processes

    def _shutdown_workers(self):
        self._processes.end()
