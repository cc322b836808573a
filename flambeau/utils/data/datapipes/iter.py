"""Steps over streams."""

import contextlib
import copy
import itertools
import random

from ..collate import default_collate
from .datapipe import Batches, DataChunk, IterDataPipe, Several, functional_datapipe


def _length(pipe):
    """len(pipe), or a TypeError that names the step."""
    if hasattr(type(pipe), "__len__") or isinstance(pipe, (list, tuple, range, dict, set)):
        return len(pipe)
    raise TypeError(f"{type(pipe).__name__} has no length.")


class IterableWrapper(IterDataPipe):
    """The items of an iterable; a copy of it, unless deepcopy=False."""

    def __init__(self, iterable, deepcopy=True):
        self.iterable = iterable
        self.deepcopy = deepcopy

    def __iter__(self):
        source = self.iterable
        if self.deepcopy:
            with contextlib.suppress(TypeError):  # generators can't be copied
                source = copy.deepcopy(source)
        yield from source

    def __len__(self):
        return len(self.iterable)


class _Step(IterDataPipe):
    """A step with one pipe before it, as long as that."""

    def __init__(self, datapipe):
        self.datapipe = datapipe

    def __len__(self):
        return _length(self.datapipe)


@functional_datapipe("map")
class Mapper(_Step):
    """fn(sample); with input_col fn of those entries, whose result goes to output_col."""

    def __init__(self, datapipe, fn, input_col=None, output_col=None):
        super().__init__(datapipe)
        if input_col is None and output_col is not None:
            raise ValueError("Mapper: output_col needs input_col.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) != 1:
                raise ValueError("Mapper: output_col is one column.")
            output_col = output_col[0]
        self.fn, self.input_col, self.output_col = fn, input_col, output_col

    def __iter__(self):
        return map(self._apply, self.datapipe)

    def _apply(self, data):
        if self.input_col is None:
            return self.fn(data)
        several = isinstance(self.input_col, (list, tuple))
        result = (
            self.fn(*(data[c] for c in self.input_col))
            if several
            else self.fn(data[self.input_col])
        )
        was_tuple = isinstance(data, tuple)
        data = list(data) if was_tuple else copy.copy(data)
        if self.output_col == -1:
            data.append(result)
        elif self.output_col is not None:
            data[self.output_col] = result
        else:
            data[self.input_col[0] if several else self.input_col] = result
            for column in sorted(self.input_col[1:], reverse=True) if several else ():
                del data[column]
        return tuple(data) if was_tuple else data


@functional_datapipe("filter")
class Filter(IterDataPipe):
    """The samples for which filter_fn says True; with input_col it is asked of those entries."""

    def __init__(self, datapipe, filter_fn, input_col=None):
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def __iter__(self):
        for data in self.datapipe:
            if self.input_col is None:
                wanted = self.filter_fn(data)
            elif isinstance(self.input_col, (list, tuple)):
                wanted = self.filter_fn(*(data[c] for c in self.input_col))
            else:
                wanted = self.filter_fn(data[self.input_col])
            if not isinstance(wanted, bool):
                raise ValueError(
                    f"Filter: filter_fn must give True or False, not {type(wanted).__name__}."
                )
            if wanted:
                yield data


@functional_datapipe("batch")
class Batcher(Batches, IterDataPipe):
    """Lists of batch_size samples; the last may be shorter, unless drop_last."""

    def __iter__(self):
        samples = iter(self.datapipe)
        while batch := list(itertools.islice(samples, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield self.wrapper_class(batch)

    def __len__(self):
        rest = 0 if self.drop_last else self.batch_size - 1
        return (_length(self.datapipe) + rest) // self.batch_size


@functional_datapipe("unbatch")
class UnBatcher(IterDataPipe):
    """The samples of batches; of batches of batches as deep as unbatch_level says, -1: all."""

    def __init__(self, datapipe, unbatch_level=1):
        if unbatch_level < -1:
            raise ValueError(f"UnBatcher: unbatch_level is {unbatch_level}; it must be -1 or more.")
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self):
        for element in self.datapipe:
            yield from self._dive(element, self.unbatch_level)

    def _dive(self, element, level):
        if level == 0 or (level == -1 and not isinstance(element, (list, DataChunk))):
            yield element
            return
        if not isinstance(element, (list, DataChunk)):
            raise IndexError(
                f"UnBatcher: unbatch_level={self.unbatch_level} goes deeper than the batches."
            )
        for item in element:
            yield from self._dive(item, level if level == -1 else level - 1)


@functional_datapipe("collate")
class Collator(_Step):
    """collate_fn of each batch, by default the loader's."""

    def __init__(self, datapipe, conversion=None, collate_fn=None):
        super().__init__(datapipe)
        if conversion is not None and not callable(conversion):
            raise NotImplementedError(
                "Collator: conversion by columns is not offered. Pass collate_fn=."
            )
        self.collate_fn = collate_fn or conversion or default_collate

    def __iter__(self):
        return map(self.collate_fn, self.datapipe)


@functional_datapipe("shuffle")
class Shuffler(_Step):
    """The samples in random order, drawn from a buffer of buffer_size of them."""

    def __init__(self, datapipe, *, buffer_size=10000, unbatch_level=0):
        if buffer_size <= 0:
            raise ValueError(f"Shuffler: buffer_size is {buffer_size}; it must be 1 or more.")
        super().__init__(datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level))
        self.buffer_size = buffer_size
        self._enabled, self._seed = True, None

    def set_shuffle(self, shuffle=True):
        """Whether to shuffle at all; itself."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed):
        """The seed of the next order; itself."""
        self._seed = seed
        return self

    def __iter__(self):
        if not self._enabled:
            yield from self.datapipe
            return
        import flambeau

        seed, self._seed = self._seed, None
        if seed is None:
            seed = int(flambeau.empty((), dtype=flambeau.int64).random_().item())
        numbers, buffer = random.Random(seed), []
        for sample in self.datapipe:
            if len(buffer) < self.buffer_size:
                buffer.append(sample)
                continue
            place = numbers.randrange(len(buffer))
            buffer[place], sample = sample, buffer[place]
            yield sample
        numbers.shuffle(buffer)
        yield from buffer


@functional_datapipe("sharding_filter")
class ShardingFilter(_Step):
    """Every n-th sample, where n processes share the pipe; all of them where none do."""

    def __init__(self, datapipe, sharding_group_filter=None):
        super().__init__(datapipe)
        self.num_of_instances, self.instance_id = 1, 0

    def is_shardable(self):
        """True."""
        return True

    def apply_sharding(self, num_of_instances, instance_id, sharding_group=None):
        """How many share the pipe, and which of them this is."""
        if not 0 <= instance_id < num_of_instances:
            raise ValueError(
                f"sharding_filter: instance_id is {instance_id}; it must be from 0 to {num_of_instances - 1}."
            )
        self.num_of_instances, self.instance_id = num_of_instances, instance_id

    def __iter__(self):
        return itertools.islice(iter(self.datapipe), self.instance_id, None, self.num_of_instances)

    def __len__(self):
        length = _length(self.datapipe)
        return length // self.num_of_instances + (self.instance_id < length % self.num_of_instances)


class SamplerIterDataPipe(IterDataPipe):
    """The indices of a sampler of a pipe that has a length."""

    def __init__(self, datapipe, sampler=None, sampler_args=None, sampler_kwargs=None):
        from ..sampler import SequentialSampler

        self.datapipe = datapipe
        arguments = {"data_source": datapipe, **(sampler_kwargs or {})}
        self.sampler = (sampler or SequentialSampler)(*(sampler_args or ()), **arguments)

    def __iter__(self):
        return iter(self.sampler)

    def __len__(self):
        return len(self.sampler)


Sampler = SamplerIterDataPipe


@functional_datapipe("concat")
class Concater(Several, IterDataPipe):
    """Several pipes one after the other."""

    def __iter__(self):
        return itertools.chain.from_iterable(self.datapipes)

    def __len__(self):
        return sum(map(_length, self.datapipes))


@functional_datapipe("zip")
class Zipper(IterDataPipe):
    """Tuples of a sample of each pipe, as long as the shortest."""

    def __init__(self, *datapipes):
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Zipper: takes pipes of streams (IterDataPipe).")
        self.datapipes = datapipes

    def __iter__(self):
        return zip(*self.datapipes)

    def __len__(self):
        return min(map(_length, self.datapipes))


@functional_datapipe("mux")
class Multiplexer(IterDataPipe):
    """A sample of each pipe in turn, until the shortest ends."""

    def __init__(self, *datapipes):
        self.datapipes = datapipes

    def __iter__(self):
        return itertools.chain.from_iterable(zip(*self.datapipes))

    def __len__(self):
        return min(map(_length, self.datapipes)) * len(self.datapipes)


@functional_datapipe("groupby")
class Grouper(IterDataPipe):
    """Lists of samples with one key, group_size long at most, given when full or at the end."""

    def __init__(
        self, datapipe, group_key_fn, *, keep_key=False, group_size=None, drop_remaining=False
    ):
        self.datapipe, self.group_key_fn = datapipe, group_key_fn
        self.keep_key, self.group_size, self.drop_remaining = keep_key, group_size, drop_remaining

    def __iter__(self):
        groups = {}
        for sample in self.datapipe:
            key = self.group_key_fn(sample)
            groups.setdefault(key, []).append(sample)
            if len(groups[key]) == self.group_size:
                yield self._made(key, groups.pop(key))
        if not self.drop_remaining:
            for key, samples in groups.items():
                yield self._made(key, samples)

    def _made(self, key, samples):
        chunk = DataChunk(samples)
        return (key, chunk) if self.keep_key else chunk


class FileLister(IterDataPipe):
    """The paths of the files in a folder whose names match one of the masks."""

    def __init__(self, root=".", masks="", *, recursive=False, abspath=False):
        self.roots = [root] if isinstance(root, str) else root
        self.masks = [masks] if isinstance(masks, str) else masks
        self.recursive, self.abspath = recursive, abspath

    def __iter__(self):
        import fnmatch
        import os

        for root in self.roots:
            for folder, folders, names in os.walk(root):
                folders.sort()
                for name in sorted(names):
                    if not any(self.masks) or any(
                        fnmatch.fnmatch(name, mask) for mask in self.masks
                    ):
                        path = os.path.join(folder, name)
                        yield os.path.abspath(path) if self.abspath else path
                if not self.recursive:
                    break


@functional_datapipe("open_files")
class FileOpener(_Step):
    """(path, open file) for each path."""

    def __init__(self, datapipe, mode="r", encoding=None):
        super().__init__(datapipe)
        self.mode, self.encoding = mode, encoding

    def __iter__(self):
        return ((path, open(path, self.mode, encoding=self.encoding)) for path in self.datapipe)
