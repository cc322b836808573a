"""From indices to a batch, in whichever process it happens."""

import itertools

from .collate import default_collate


class FetchByIndex:
    """Batches of a data set with __getitem__; read at once where the data set can."""

    def __init__(self, dataset, batched, collate_fn):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.collated = None
        if batched and collate_fn is default_collate:
            self.collated = getattr(dataset, "__getbatch__", None)
        self.several = getattr(dataset, "__getitems__", None)

    def __call__(self, indices):
        if not self.batched:
            return self.collate_fn(self.dataset[indices])
        if self.collated is not None:
            batch = self.collated(indices)
            if batch is not NotImplemented:
                return batch
        if self.several is not None:
            return self.collate_fn(self.several(indices))
        return self.collate_fn([self.dataset[i] for i in indices])


class FetchFromStream:
    """Batches of an iterable data set; the indices say nothing. StopIteration ends it for good.

    `given` counts the samples of the last batch.
    """

    may_end = True  # with StopIteration; that of an item read by index is an error as others are

    def __init__(self, dataset, batch_size, drop_last, collate_fn):
        self.samples = iter(dataset)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.given = 0

    def __call__(self, indices=None):
        if self.batch_size is None:
            sample = next(self.samples)
            self.given = 1
            return self.collate_fn(sample)
        samples = list(itertools.islice(self.samples, self.batch_size))
        if not samples or (self.drop_last and len(samples) < self.batch_size):
            raise StopIteration
        self.given = len(samples)
        return self.collate_fn(samples)

    def skip(self, batches):
        """Leave out so many batches."""
        for _ in range(batches * (self.batch_size or 1)):
            next(self.samples, None)


class _DatasetKind:
    """Whether a data set is read by index or as a stream."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        """What makes a batch of given indices."""
        if kind == _DatasetKind.Map:
            return _MapDatasetFetcher(dataset, auto_collation, collate_fn, drop_last)
        return _IterableDatasetFetcher(dataset, auto_collation, collate_fn, drop_last)


class _BaseDatasetFetcher:
    """fetch(possibly_batched_index) gives a batch."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last

    def fetch(self, possibly_batched_index):
        """The batch of one index, or of a list of them."""
        raise NotImplementedError(f"{type(self).__name__}: has no fetch.")


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """The same of a data set with __getitem__."""

    def fetch(self, possibly_batched_index):
        """The batch of one index, or of a list of them."""
        made = FetchByIndex(self.dataset, self.auto_collation, self.collate_fn)
        return made(possibly_batched_index)


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """The same of a stream: of the indices only their number counts."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)

    def fetch(self, possibly_batched_index):
        """The next batch, as long as the list of indices; StopIteration at the end."""
        size = len(possibly_batched_index) if self.auto_collation else None
        source = FetchFromStream((), size, self.drop_last, self.collate_fn)
        source.samples = self.dataset_iter
        return source()
