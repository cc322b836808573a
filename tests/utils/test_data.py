"""Data sets, samplers and DataLoader."""

import collections
import random
import sys
import warnings

import pytest

import flambeau as torch
from flambeau.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index, index**2


class Count(IterableDataset):
    def __init__(self, n, told=None):
        self.n = n
        self.told = told

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        if self.told is None:
            raise TypeError
        return self.told


def generator(seed=0):
    g = torch.Generator()
    g.manual_seed(seed)
    return g


def tensors(n=10):
    return TensorDataset(torch.arange(n), torch.arange(n * 3).view(n, 3))


# Data sets


def test_tensor_dataset_gives_rows():
    data = tensors()
    x, y = data[2]
    assert x.item() == 2
    assert y.tolist() == [6, 7, 8]
    assert len(data) == 10
    samples = data.__getitems__([3, 1])
    assert [x.item() for x, _ in samples] == [3, 1]
    assert samples[1][1].tolist() == [3, 4, 5]


def test_tensor_dataset_refuses_different_lengths():
    with pytest.raises(AssertionError, match=r"\(2,\), \(3,\)"):
        TensorDataset(torch.zeros(2), torch.zeros(3))


def test_stack_concat_and_subset():
    stacked = StackDataset(a=Squares(4), b=tensors(4))
    assert stacked[2]["a"] == (2, 4)
    assert [s["a"] for s in stacked.__getitems__([1, 0])] == [(1, 1), (0, 0)]
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        StackDataset(Squares(3), Squares(4))
    both = Squares(3) + Squares(2)
    assert isinstance(both, ConcatDataset)
    assert [both[i][0] for i in range(5)] == [0, 1, 2, 0, 1]
    assert both[-1] == (1, 1)
    with pytest.raises(IndexError):
        both[5]
    with pytest.raises(ValueError):
        both[-6]
    part = Subset(both, [4, 0])
    assert [part[0], part[1], len(part)] == [(1, 1), (0, 0), 2]


def test_chain_dataset():
    assert list(Count(2) + Count(3)) == [0, 1, 0, 1, 2]
    assert len(ChainDataset([Count(2, 2), Count(3, 3)])) == 5


def test_random_split_covers_everything_once():
    parts = random_split(Squares(10), [7, 3], generator=generator(3))
    again = random_split(Squares(10), [7, 3], generator=generator(3))
    assert [len(p) for p in parts] == [7, 3]
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    assert [p.indices for p in parts] == [p.indices for p in again]
    assert [len(p) for p in random_split(Squares(10), [0.5, 0.25, 0.25])] == [6, 2, 2]
    with pytest.raises(
        ValueError, match="random_split: the lengths sum to 11, but the data set has 10 samples"
    ):
        random_split(Squares(10), [8, 3])


# Samplers


def test_samplers():
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(RandomSampler(range(50), generator=generator())) == list(range(50))
    more = list(RandomSampler(range(4), num_samples=10, generator=generator()))
    assert len(more) == 10
    assert sorted(more[:4]) == sorted(more[4:8]) == [0, 1, 2, 3]
    assert set(RandomSampler(range(3), replacement=True, num_samples=200)) == {0, 1, 2}
    assert sorted(SubsetRandomSampler([3, 5, 9])) == [3, 5, 9]
    weighted = list(WeightedRandomSampler([0.0, 1.0, 3.0], 400, generator=generator()))
    counts = collections.Counter(weighted)
    assert counts[0] == 0
    assert 250 < counts[2] < 350
    batches = BatchSampler(SequentialSampler(range(7)), 3, drop_last=False)
    assert list(batches) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(batches) == 3
    batches = BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)
    assert list(batches) == [[0, 1, 2], [3, 4, 5]]
    assert len(batches) == 2


def test_sampler_errors():
    with pytest.raises(ValueError, match="RandomSampler: num_samples is 0"):
        RandomSampler(range(3), num_samples=0)
    with pytest.raises(ValueError, match="BatchSampler: batch_size is 0"):
        BatchSampler(range(3), 0, False)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        WeightedRandomSampler([[1.0, 1.0], [1.0, 1.0]], 2)


# Collate

Point = collections.namedtuple("Point", "x y")


def test_default_collate_structures():
    batch = default_collate([{"a": 1, "b": "one"}, {"a": 2, "b": "two"}])
    assert batch["a"].tolist() == [1, 2]
    assert batch["a"].dtype == torch.int64
    assert batch["b"] == ["one", "two"]
    assert default_collate([1.5, 2.5]).dtype == torch.float64
    x, y = default_collate([(torch.zeros(3), 1), (torch.ones(3), 2)])
    assert x.shape == (2, 3)
    assert y.tolist() == [1, 2]
    points = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert isinstance(points, Point)
    assert points.x.tolist() == [1, 3]
    ordered = default_collate([collections.OrderedDict(k=1), collections.OrderedDict(k=2)])
    assert isinstance(ordered, collections.OrderedDict)


def test_default_collate_numpy():
    numpy = pytest.importorskip("numpy")
    batch = default_collate([numpy.zeros((2, 2), "float32"), numpy.ones((2, 2), "float32")])
    assert batch.shape == (2, 2, 2)
    assert batch.dtype == torch.float32
    assert default_collate([numpy.int16(3), numpy.int16(4)]).tolist() == [3, 4]


def test_default_collate_errors():
    with pytest.raises(
        TypeError, match="default_collate: <class 'object'> does not become part of a batch"
    ):
        default_collate([object()])
    with pytest.raises(
        RuntimeError, match=r"default_collate: the sequences of a batch have \[1, 2\] elements"
    ):
        default_collate([[1, 2], [1]])


def test_default_convert():
    numpy = pytest.importorskip("numpy")
    out = default_convert({"a": numpy.arange(3), "b": [1, "x"]})
    assert out["a"].tolist() == [0, 1, 2]
    assert out["b"] == [1, "x"]


# DataLoader


def test_batches_in_order():
    loader = DataLoader(Squares(7), batch_size=3)
    assert len(loader) == 3
    batches = list(loader)
    assert [x.tolist() for x, _ in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert batches[1][1].tolist() == [9, 16, 25]
    loader = DataLoader(Squares(7), batch_size=3, drop_last=True)
    assert len(loader) == len(list(loader)) == 2


def test_shuffle_follows_the_generator():
    def epochs():
        loader = DataLoader(Squares(20), batch_size=4, shuffle=True, generator=generator(5))
        return [[x.tolist() for x, _ in loader] for _ in range(2)]

    first, second = epochs()
    assert sorted(sum(first, [])) == list(range(20))
    assert first != second
    assert [first, second] == epochs()


def test_shuffle_follows_manual_seed():
    def epoch():
        torch.manual_seed(11)
        return [x.tolist() for x, _ in DataLoader(Squares(20), batch_size=4, shuffle=True)]

    assert epoch() == epoch()


def test_tensor_dataset_is_read_a_batch_at_once():
    class Watched(TensorDataset):
        def __getitem__(self, index):
            raise AssertionError("read one by one")

    data = Watched(*tensors().tensors)
    batches = list(DataLoader(data, batch_size=4))
    assert isinstance(batches[0], list)
    assert batches[0][1].shape == (4, 3)
    assert batches[2][0].tolist() == [8, 9]
    half = Subset(data, range(0, 10, 2))
    assert [x.tolist() for x, _ in DataLoader(half, batch_size=2)] == [[0, 2], [4, 6], [8]]
    # a collate_fn of the user's gets the samples
    loader = DataLoader(data, batch_size=4, collate_fn=lambda samples: len(samples))
    assert list(loader) == [4, 4, 2]


def test_getitems_is_used():
    class AtOnce(Squares):
        def __getitems__(self, indices):
            return [(i, -i) for i in indices]

    assert [y.tolist() for _, y in DataLoader(AtOnce(3), batch_size=2)] == [[0, -1], [-2]]


def test_samplers_and_batch_samplers():
    loader = DataLoader(Squares(9), batch_size=2, sampler=[8, 1, 3])
    assert [x.tolist() for x, _ in loader] == [[8, 1], [3]]
    loader = DataLoader(Squares(9), batch_sampler=[[1], [2, 3]])
    assert [x.tolist() for x, _ in loader] == [[1], [2, 3]]
    assert len(loader) == 2
    assert loader.batch_size is None


def test_no_batches():
    assert list(DataLoader(Squares(2), batch_size=None)) == [[0, 0], [1, 1]]


def test_iterable():
    assert [b.tolist() for b in DataLoader(Count(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Count(5), batch_size=2, drop_last=True)] == [
        [0, 1],
        [2, 3],
    ]
    assert len(DataLoader(Count(5, 5), batch_size=2)) == 3
    with pytest.warns(
        UserWarning,
        match="DataLoader: Count says that its length is 2, but it gave 4 samples by now",
    ):
        loader = DataLoader(Count(5, 2), batch_size=2)
        assert len(loader) == 1
        list(loader)
    list(DataLoader(Count(5, 2), batch_size=2))  # nobody asked for its length


@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_size": None, "drop_last": True},
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"batch_size": 0},
    ],
)
def test_arguments_that_exclude_each_other(arguments):
    with pytest.raises(ValueError):
        DataLoader(Squares(3), **arguments)


def test_iterable_refuses_an_order():
    with pytest.raises(ValueError, match="shuffle=True"):
        DataLoader(Count(3), shuffle=True)


def test_what_is_fixed_after_init():
    loader = DataLoader(Squares(3))
    with pytest.raises(ValueError, match="batch_size"):
        loader.batch_size = 3


# Saved and resumed


def shuffled_loader(own_generator):
    return DataLoader(
        tensors(23), batch_size=4, shuffle=True, generator=generator(1) if own_generator else None
    )


@pytest.mark.parametrize("own_generator", [True, False])
@pytest.mark.parametrize("seen", [0, 1, 3, 6])
def test_resume_in_mid_epoch(own_generator, seen):
    torch.manual_seed(4)
    loader = shuffled_loader(own_generator)
    list(loader)
    iterator = iter(loader)
    for _ in range(seen):
        next(iterator)
    state = loader.state_dict()
    rest = [x.tolist() for x, _ in iterator]
    later = [x.tolist() for x, _ in loader]

    other = shuffled_loader(own_generator)
    other.load_state_dict(state)
    if seen == 0 and not own_generator:
        return  # nothing drawn yet: the order is the default generator's, which the user saves
    assert [x.tolist() for x, _ in other] == rest
    if own_generator:
        assert [x.tolist() for x, _ in other] == later


def test_resume_after_the_last_batch_begins_a_new_epoch():
    loader = shuffled_loader(True)
    list(loader)
    state = loader.state_dict()
    following = [x.tolist() for x, _ in loader]
    other = shuffled_loader(True)
    other.load_state_dict(state)
    assert [x.tolist() for x, _ in other] == following


def test_resume_sequential_and_iterable():
    for make in (lambda: DataLoader(Squares(9), batch_size=2), lambda: DataLoader(Count(9), 2)):
        loader = make()
        iterator = iter(loader)
        next(iterator)
        next(iterator)
        state = loader.state_dict()
        other = make()
        other.load_state_dict(state)
        assert repr(list(other)) == repr(list(iterator))


def test_state_survives_a_file(tmp_path):
    loader = shuffled_loader(True)
    iterator = iter(loader)
    next(iterator)
    torch.save(loader.state_dict(), tmp_path / "loader.pt")
    other = shuffled_loader(True)
    other.load_state_dict(torch.load(tmp_path / "loader.pt"))
    assert [x.tolist() for x, _ in other] == [x.tolist() for x, _ in iterator]


def test_resume_with_another_kind_of_sampler_is_refused():
    state = shuffled_loader(True).state_dict()
    with pytest.raises(ValueError, match="SequentialSampler"):
        DataLoader(tensors(23)).load_state_dict(state)


def test_python_random_numbers_are_left_alone():
    random.seed(3)
    state = random.getstate()
    list(shuffled_loader(False))
    assert random.getstate() == state


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count", [10, 9, 2])
def test_processes_share_a_data_set(count, drop_last):
    from flambeau.utils.data import DistributedSampler

    def parts(shuffle, epoch=0):
        samplers = [
            DistributedSampler(range(count), 3, rank, shuffle, drop_last=drop_last)
            for rank in range(3)
        ]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        assert [len(list(sampler)) for sampler in samplers] == [len(samplers[0])] * 3
        return [list(sampler) for sampler in samplers]

    in_turn = {10: [[0, 3, 6, 9], [1, 4, 7, 0], [2, 5, 8, 1]], 9: [[0, 3, 6], [1, 4, 7], [2, 5, 8]],
               2: [[0], [1], [0]]}[count]  # fmt: skip
    if drop_last:
        in_turn = [part[: count // 3] for part in in_turn]
    assert parts(False) == in_turn
    first, second = parts(True), parts(True, epoch=1)
    covered = set(sum(first, []))
    assert covered <= set(range(count))
    assert len(covered) == (count // 3 * 3 if drop_last else count)
    if count >= 9:
        assert first != second
    with pytest.raises(ValueError, match="DistributedSampler: there is no process group"):
        DistributedSampler(range(count))


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="there a warning of Python's own is silenced"
)
def test_workers_leave_what_was_warned_of_alone():
    # Each epoch's processes reset Python's memory of warnings, and a program heard its own again and again.
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for _ in range(3):
            warnings.warn("once")
            assert len(list(DataLoader(range(2), num_workers=1))) == 2
    assert [str(warning.message) for warning in heard] == ["once"]


def test_an_iteration_is_told_where_it_is():
    """Libraries that resume in the midst of an epoch move the sampler on and say so."""
    from flambeau.utils.data._utils.pin_memory import pin_memory

    iteration = iter(DataLoader(list(range(6)), batch_size=2))
    next(iteration._sampler_iter)
    iteration._num_yielded = 1
    assert next(iteration).tolist() == [2, 3] and iteration._num_yielded == 2
    assert pin_memory({"a": [1, "text"]}) == {"a": [1, "text"]}
