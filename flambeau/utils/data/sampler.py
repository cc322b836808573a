"""Samplers: in which order a DataLoader reads the samples."""

import itertools
from typing import Generic, TypeVar

import flambeau

T_co = TypeVar("T_co", covariant=True)

_BLOCK = 1 << 16  # indices that are drawn, or become Python numbers, at a time: about 3 MB


def _numbers(order):
    """The elements of a tensor as Python numbers, made block by block."""
    for start in range(0, len(order), _BLOCK):
        yield from order[start : start + _BLOCK].tolist()


def _distinct(n, count, generator):
    """`count` different numbers below n in random order, in memory that grows with count alone.

    Fisher and Yates' shuffle of range(n) from the front, of which only the displaced are kept.
    """
    displaced = {}
    for start in range(0, count, _BLOCK):
        block = min(_BLOCK, count - start)
        # 62 bits: the remainder is off from uniform by less than n / 2**62.
        draws = flambeau.randint(
            1 << 62, (block,), dtype=flambeau.int64, generator=generator, device="cpu"
        )
        for i, draw in enumerate(draws.tolist(), start):
            j = i + draw % (n - i)
            yield displaced.get(j, j)
            displaced[j] = displaced.pop(i, i)


class Sampler(Generic[T_co]):
    """An iterable over indices, or over lists of them; __len__ where it is known.

    Example:
        >>> class Backwards(torch.utils.data.Sampler):
        ...     def __iter__(self):
        ...         return iter([2, 1, 0])
        >>> list(torch.utils.data.DataLoader("abc", batch_size=None, sampler=Backwards()))
        ['c', 'b', 'a']
    """

    def __init__(self, data_source=None):
        if data_source is not None:
            raise TypeError(
                f"{type(self).__name__}: Sampler.__init__ takes no data source; keep it in the "
                "subclass."
            )

    def __iter__(self):
        raise NotImplementedError(
            f"{type(self).__name__}: has no __iter__. Define __iter__(self), which gives the "
            "indices."
        )


class SequentialSampler(Sampler[int]):
    """0, 1, 2 ... len(data_source) - 1.

    Example:
        >>> from flambeau.utils.data import SequentialSampler
        >>> list(SequentialSampler(range(3)))
        [0, 1, 2]
    """

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class GeneratedSampler(Sampler[int]):
    """A sampler whose epoch follows from one generator state, so that an epoch can be repeated.

    Without a generator of its own, each epoch draws one seed from the default generator and uses a
    new generator for the rest, as PyTorch does.
    """

    def __init__(self, generator):
        self.generator = generator
        self._epoch_start = None  # what the running or last epoch began from
        self._resume = None

    def _begin_epoch(self):
        start, self._resume = self._resume, None
        if self.generator is None:
            if start is None:
                start = int(flambeau.empty((), dtype=flambeau.int64, device="cpu").random_().item())
            generator = flambeau.Generator()
            generator.manual_seed(start)
        else:
            generator = self.generator
            if start is not None:
                generator.set_state(start)
            start = generator.get_state()
        self._epoch_start = start
        return generator

    def state_dict(self, running=True):
        """Where the running epoch began, or (running=False) where the next one will begin."""
        if running:
            return {"start": self._epoch_start}
        return {"start": None if self.generator is None else self.generator.get_state()}

    def load_state_dict(self, state_dict):
        """The next epoch begins where the saved one began."""
        self._resume = state_dict["start"]


class RandomSampler(GeneratedSampler):
    """The samples in random order.

    Args:
        data_source (Dataset): what has the length.
        replacement (bool): draw each sample on its own, so that some repeat.
        num_samples (int, optional): how many to draw; default len(data_source).
        generator (Generator, optional): where the order comes from.

    Example:
        >>> from flambeau.utils.data import RandomSampler
        >>> sorted(RandomSampler(range(4)))
        [0, 1, 2, 3]
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        super().__init__(generator)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        if not isinstance(replacement, bool):
            raise TypeError(
                f"RandomSampler: replacement must be True or False, not {replacement!r}."
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                f"RandomSampler: num_samples is {self.num_samples}; it must be 1 or more. Is the "
                "data set empty?"
            )

    @property
    def num_samples(self):
        """How many indices an epoch draws."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        generator = self._begin_epoch()
        n = len(self.data_source)
        left = self.num_samples
        if self.replacement:
            while left > 0:
                size = (min(left, _BLOCK),)
                yield from flambeau.randint(
                    n, size, dtype=flambeau.int64, generator=generator, device="cpu"
                ).tolist()
                left -= size[0]
            return
        while left > 0 and n > 0:
            if left < n // 16:  # few of many
                yield from _distinct(n, left, generator)
            else:
                yield from _numbers(flambeau.randperm(n, generator=generator, device="cpu")[:left])
            left -= n

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(GeneratedSampler):
    """The given indices in random order.

    Example:
        >>> from flambeau.utils.data import SubsetRandomSampler
        >>> sorted(SubsetRandomSampler([4, 1]))
        [1, 4]
    """

    def __init__(self, indices, generator=None):
        super().__init__(generator)
        self.indices = indices

    def __iter__(self):
        generator = self._begin_epoch()
        for i in _numbers(flambeau.randperm(len(self.indices), generator=generator, device="cpu")):
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(GeneratedSampler):
    """Index i with a probability proportional to weights[i].

    Args:
        weights (sequence of float): not negative; they need not add up to 1.
        num_samples (int): how many to draw.
        replacement (bool): whether an index may be drawn more than once.
        generator (Generator, optional): where the numbers come from.

    Example:
        >>> from flambeau.utils.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        super().__init__(generator)
        if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples <= 0:
            raise ValueError(
                f"WeightedRandomSampler: num_samples is {num_samples}; it must be an int of 1 or "
                "more."
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"WeightedRandomSampler: replacement must be True or False, not {replacement!r}."
            )
        self.weights = flambeau.as_tensor(weights, dtype=flambeau.float64, device="cpu")
        if self.weights.ndim != 1:
            raise ValueError(
                f"WeightedRandomSampler: weights {tuple(self.weights.shape)} must be a vector, one "
                "for each sample."
            )
        self.num_samples = num_samples
        self.replacement = replacement

    def __iter__(self):
        generator = self._begin_epoch()
        # Each block costs a pass over the weights.
        block = max(_BLOCK, len(self.weights)) if self.replacement else self.num_samples
        for start in range(0, self.num_samples, block):
            count = min(block, self.num_samples - start)
            yield from _numbers(
                flambeau.multinomial(self.weights, count, self.replacement, generator=generator)
            )

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler[list]):
    """Lists of batch_size indices of another sampler.

    Args:
        sampler (Sampler or iterable): the indices.
        batch_size (int): how many in a list.
        drop_last (bool): leave out the last list where it is shorter.

    Example:
        >>> from flambeau.utils.data import BatchSampler, SequentialSampler
        >>> list(BatchSampler(SequentialSampler(range(5)), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler, batch_size, drop_last):
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size <= 0:
            raise ValueError(
                f"BatchSampler: batch_size is {batch_size}; it must be an int of 1 or more."
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"BatchSampler: drop_last must be True or False, not {drop_last!r}.")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self):
        if self.drop_last:
            return len(self.sampler) // self.batch_size
        return -(-len(self.sampler) // self.batch_size)


class DistributedSampler(Sampler[T_co]):
    """The part of a data set that one of several processes reads; all parts are equally long.

    Args:
        dataset (Dataset): what is divided.
        num_replicas (int): how many processes there are; by default, those of distributed's group.
        rank (int): which of them this is; by default, its rank in the group.
        shuffle (bool): a new order in every epoch, the same in each process; see set_epoch.
        seed (int): of the order; the same in each process.
        drop_last (bool): leave out what does not divide; else the first samples come twice.

    Raises:
        ValueError: num_replicas or rank is not given, and init_process_group was not called.

    Example:
        >>> from flambeau.utils.data import DistributedSampler
        >>> list(DistributedSampler(range(6), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 5]
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        if num_replicas is None or rank is None:
            from ... import distributed

            if not distributed.is_initialized():
                raise ValueError(
                    "DistributedSampler: there is no process group. Call distributed.init_process_group() first, or pass "
                    "num_replicas and rank."
                )
            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: rank is {rank}; it must be from 0 to {num_replicas - 1}."
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else -(-count // num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        count = len(self.dataset)
        # Beyond the end the order begins again, so that all parts are equally long.
        places = range(self.rank, self.total_size if count else 0, self.num_replicas)
        if not self.shuffle:
            return (place % count for place in places)
        generator = flambeau.Generator()
        generator.manual_seed(self.seed + self.epoch)
        order = flambeau.randperm(count, generator=generator, device="cpu")
        own = (flambeau.arange(len(places)) * self.num_replicas + self.rank) % max(count, 1)
        return _numbers(order[own])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Let the next iteration have the order of that epoch."""
        self.epoch = epoch
