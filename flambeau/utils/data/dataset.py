"""Data sets: samples found by index, or samples that come in a stream.

A data set may offer two more ways to be read, which DataLoader prefers:

    __getitems__(indices)      a list of samples, read at once
    __getbatch__(indices)      the whole batch, already collated as default_collate would, or
                               NotImplemented
"""

import bisect
import math
import sys
from collections.abc import Iterable
from itertools import accumulate
from typing import Generic, TypeVar

import flambeau

from ... import _core

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Dataset(Generic[T_co]):
    """Samples found by index: subclasses define __getitem__, and __len__ where it is known.

    Example:
        >>> class Squares(torch.utils.data.Dataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         return index**2
        >>> [batch.tolist() for batch in torch.utils.data.DataLoader(Squares(), batch_size=2)]
        [[0, 1], [4]]
    """

    def __getitem__(self, index) -> T_co:
        raise NotImplementedError(
            f"{type(self).__name__}: has no __getitem__. Define __getitem__(self, index), which "
            "gives one sample."
        )

    def __add__(self, other: "Dataset[T_co]") -> "ConcatDataset[T_co]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples that come in a stream: subclasses define __iter__.

    Example:
        >>> class Letters(torch.utils.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter("abc")
        >>> list(torch.utils.data.DataLoader(Letters(), batch_size=2))
        [['a', 'b'], ['c']]
    """

    def __add__(self, other):
        return ChainDataset([self, other])


def is_pipe(dataset):
    """Whether a data set is a step of a pipe, see datapipes."""
    pipes = sys.modules.get(
        f"{__package__}.datapipes.datapipe"
    )  # where it is not loaded, none is one
    return pipes is not None and isinstance(dataset, (pipes.IterDataPipe, pipes.MapDataPipe))


class TensorDataset(Dataset[tuple]):
    """Sample i is the tuple of row i of each tensor.

    Args:
        *tensors (Tensor): of one size in their first dimension.

    Example:
        >>> from flambeau.utils.data import TensorDataset
        >>> TensorDataset(torch.tensor([1, 2]), torch.tensor([3, 4]))[1]
        (tensor(2), tensor(4))
    """

    def __init__(self, *tensors):
        if not tensors:
            raise ValueError("TensorDataset: needs one tensor or more.")
        if any(t.size(0) != tensors[0].size(0) for t in tensors):
            sizes = ", ".join(str(tuple(t.shape)) for t in tensors)
            raise AssertionError(
                f"TensorDataset: shapes {sizes} differ in dim 0; all tensors need one row to each "
                "sample."
            )
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __getitems__(self, indices):
        return list(zip(*(rows.unbind(0) for rows in self.__getbatch__(indices))))

    def __getbatch__(self, indices):
        indices = flambeau.as_tensor(indices, device=self.tensors[0].device)
        return [tensor.index_select(0, indices) for tensor in self.tensors]

    def __len__(self):
        return self.tensors[0].size(0)


class StackDataset(Dataset):
    """Sample i is the tuple (or the dict) of sample i of each data set.

    Args:
        *args, **kwargs (Dataset): of one length; either unnamed, for tuples, or named, for dicts.

    Example:
        >>> from flambeau.utils.data import StackDataset
        >>> StackDataset([1, 2], [3, 4])[1]
        (2, 4)
    """

    def __init__(self, *args, **kwargs):
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset: give the data sets by position, for tuples, or by name, for dicts; "
                f"{len(args)} and {len(kwargs)} were given."
            )
        self.datasets = args or kwargs
        lengths = {len(dataset) for dataset in self._values()}
        if len(lengths) != 1:
            raise ValueError(
                f"StackDataset: the data sets have {sorted(lengths)} samples; they must have "
                "equally many."
            )
        self._length = lengths.pop()

    def _values(self):
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _combine(self, parts):
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, parts))
        return tuple(parts)

    def __getitem__(self, index):
        return self._combine(dataset[index] for dataset in self._values())

    def __getitems__(self, indices):
        columns = [_samples(dataset, indices) for dataset in self._values()]
        return [self._combine(row) for row in zip(*columns)]

    def __len__(self):
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other.

    Example:
        >>> from flambeau.utils.data import ConcatDataset
        >>> data = ConcatDataset([[1, 2], [3]])
        >>> len(data), data[2]
        (3, 3)
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset: needs one data set or more; the list is empty.")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError(
                "ConcatDataset: an IterableDataset has no indices. Use ChainDataset."
            )
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    @property
    def cummulative_sizes(self):
        """cumulative_sizes as it was spelled once."""
        _core._warn("ConcatDataset: the name is cumulative_sizes, with one m.", FutureWarning)
        return self.cumulative_sizes

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, index):
        length = len(self)
        if not -length <= index < length:
            # PyTorch raises a ValueError here and an IndexError above; IndexError ends loops.
            kind = ValueError if index < 0 else IndexError
            raise kind(f"ConcatDataset: index {index} is out of range for {length} samples.")
        index %= length
        which = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]


class ChainDataset(IterableDataset):
    """Several streams one after the other.

    Example:
        >>> class Count(torch.utils.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(2))
        >>> list(torch.utils.data.ChainDataset([Count(), Count()]))
        [0, 1, 0, 1]
    """

    def __init__(self, datasets):
        super().__init__()
        self.datasets = datasets

    def __iter__(self):
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset: {type(dataset).__name__} is not an IterableDataset. Use "
                    "ConcatDataset."
                )
            yield from dataset

    def __len__(self):
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[T_co]):
    """The samples of a data set at the given indices, in their order.

    Example:
        >>> from flambeau.utils.data import Subset
        >>> list(Subset([10, 20, 30], [2, 0]))
        [30, 10]
    """

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices):
        return _samples(self.dataset, [self.indices[i] for i in indices])

    def __getbatch__(self, indices):
        if not hasattr(self.dataset, "__getbatch__"):
            return NotImplemented
        return self.dataset.__getbatch__([self.indices[i] for i in indices])

    def __len__(self):
        return len(self.indices)


def _samples(dataset, indices):
    """The samples at the indices, at once where the data set can."""
    if hasattr(dataset, "__getitems__"):
        samples = dataset.__getitems__(indices)
        if len(samples) != len(indices):
            raise ValueError(
                f"{type(dataset).__name__}.__getitems__: gave {len(samples)} samples for "
                f"{len(indices)} indices. It must give one for each."
            )
        return samples
    return [dataset[i] for i in indices]


def random_split(dataset, lengths, generator=None):
    """Split a data set into subsets of random samples that do not overlap.

    Args:
        dataset (Dataset): what to split.
        lengths (sequence of int or float): the sizes, which add up to len(dataset); or fractions
            that add up to 1, where a remainder goes to the first subsets, one sample each.
        generator (Generator, optional): where the order comes from.

    Returns:
        list of Subset.

    Example:
        >>> from flambeau.utils.data import random_split
        >>> [len(part) for part in random_split(range(10), [0.7, 0.3])]
        [7, 3]
    """
    lengths = list(lengths)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _sizes_of_fractions(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError(
            f"random_split: the lengths sum to {sum(lengths)}, but the data set has {len(dataset)} "
            "samples. Give lengths or fractions that sum to all."
        )
    for i, length in enumerate(lengths):
        if length == 0:
            _core._warn(f"random_split: length {i} is 0, so that subset has no samples.")
    order = flambeau.randperm(sum(lengths), generator=generator).tolist()
    ends = accumulate(lengths)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, lengths)]


def _sizes_of_fractions(total, fractions):
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: fraction {i} is {fraction}; it must be from 0 to 1.")
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes
