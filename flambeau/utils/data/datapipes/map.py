"""Steps over indices."""

from .datapipe import DataChunk, MapDataPipe, functional_datapipe


class SequenceWrapper(MapDataPipe):
    """The items of a sequence or a dict; a copy of it, unless deepcopy=False."""

    def __init__(self, sequence, deepcopy=True):
        import copy

        self.sequence = copy.deepcopy(sequence) if deepcopy else sequence

    def __getitem__(self, index):
        return self.sequence[index]

    def __len__(self):
        return len(self.sequence)


@functional_datapipe("map")
class Mapper(MapDataPipe):
    """fn(sample)."""

    def __init__(self, datapipe, fn=lambda x: x):
        self.datapipe, self.fn = datapipe, fn

    def __getitem__(self, index):
        return self.fn(self.datapipe[index])

    def __len__(self):
        return len(self.datapipe)


@functional_datapipe("concat")
class Concater(MapDataPipe):
    """Several pipes one after the other."""

    def __init__(self, *datapipes):
        if not datapipes:
            raise ValueError("Concater: needs one pipe or more.")
        self.datapipes = datapipes

    def __getitem__(self, index):
        first = 0
        for pipe in self.datapipes:
            if index - first < len(pipe):
                return pipe[index - first]
            first += len(pipe)
        raise IndexError(f"Concater: index {index} is out of range for {first} samples.")

    def __len__(self):
        return sum(map(len, self.datapipes))


@functional_datapipe("zip")
class Zipper(MapDataPipe):
    """Tuples of a sample of each pipe, as long as the shortest."""

    def __init__(self, *datapipes):
        if not datapipes:
            raise ValueError("Zipper: needs one pipe or more.")
        self.datapipes = datapipes

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"Zipper: index {index} is out of range for {len(self)} samples.")
        return tuple(pipe[index] for pipe in self.datapipes)

    def __len__(self):
        return min(map(len, self.datapipes))


@functional_datapipe("batch")
class Batcher(MapDataPipe):
    """Lists of batch_size samples; the last may be shorter, unless drop_last."""

    def __init__(self, datapipe, batch_size, drop_last=False, wrapper_class=DataChunk):
        if batch_size <= 0:
            raise AssertionError(f"Batcher: batch_size is {batch_size}; it must be 1 or more.")
        self.datapipe, self.batch_size = datapipe, batch_size
        self.drop_last, self.wrapper_class = drop_last, wrapper_class

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"Batcher: index {index} is out of range for {len(self)} batches.")
        places = range(
            index * self.batch_size, min((index + 1) * self.batch_size, len(self.datapipe))
        )
        return self.wrapper_class([self.datapipe[place] for place in places])

    def __len__(self):
        rest = 0 if self.drop_last else self.batch_size - 1
        return (len(self.datapipe) + rest) // self.batch_size
