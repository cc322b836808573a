"""Steps over indices."""

from .datapipe import Batches, MapDataPipe, Several, functional_datapipe


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
class Concater(Several, MapDataPipe):
    """Several pipes one after the other."""

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
class Zipper(Several, MapDataPipe):
    """Tuples of a sample of each pipe, as long as the shortest."""

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"Zipper: index {index} is out of range for {len(self)} samples.")
        return tuple(pipe[index] for pipe in self.datapipes)

    def __len__(self):
        return min(map(len, self.datapipes))


@functional_datapipe("batch")
class Batcher(Batches, MapDataPipe):
    """Lists of batch_size samples; the last may be shorter, unless drop_last."""

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
