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
