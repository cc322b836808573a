"""Pipes: data sets built from steps."""

import pickle

import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader, IterDataPipe, functional_datapipe
from flambeau.utils.data.datapipes import iter as steps
from flambeau.utils.data.datapipes import map as places
from flambeau.utils.data.graph import traverse_dps
from flambeau.utils.data.graph_settings import apply_sharding, get_all_graph_pipes


def numbers(n=10):
    return steps.IterableWrapper(range(n))


def double(x):
    return 2 * x


def is_even(x):
    return x % 2 == 0


def test_steps_over_streams():
    assert list(numbers(4).map(double)) == [0, 2, 4, 6]
    assert list(numbers().filter(is_even)) == [0, 2, 4, 6, 8]
    batches = numbers(5).batch(2)
    assert list(batches) == [[0, 1], [2, 3], [4]] and len(batches) == 3
    assert list(numbers(5).batch(2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(batches.unbatch()) == [0, 1, 2, 3, 4]
    assert list(batches.batch(2).unbatch(-1)) == [0, 1, 2, 3, 4]
    assert [x.tolist() for x in batches.collate()] == [[0, 1], [2, 3], [4]]
    assert list(numbers(2).concat(numbers(1))) == [0, 1, 0]
    assert list(numbers(3).zip(numbers(2))) == [(0, 0), (1, 1)]
    assert list(numbers(2).mux(numbers(2).map(double))) == [0, 0, 1, 2]
    assert list(numbers(4).groupby(is_even)) == [[0, 2], [1, 3]]
    assert list(steps.Sampler(numbers(3))) == [0, 1, 2]
    rows = steps.IterableWrapper([(1, 2, 3)])
    assert list(rows.map(double, input_col=1)) == [(1, 4, 3)]
    assert list(rows.map(max, input_col=[0, 2], output_col=-1)) == [(1, 2, 3, 3)]


def test_steps_over_places():
    pipe = places.SequenceWrapper([1, 2, 3]).map(double)
    assert [pipe[i] for i in range(3)] == [2, 4, 6] and len(pipe) == 3
    assert pipe.concat(pipe)[4] == 4 and pipe.zip(pipe)[0] == (2, 2)
    assert pipe.batch(2)[1] == [6]
    with pytest.raises(IndexError):
        pipe.concat(pipe)[6]


def test_shuffling_follows_a_seed():
    pipe = numbers(50).shuffle(buffer_size=8)
    first = list(pipe.set_seed(3))
    assert sorted(first) == list(range(50)) and first != list(range(50))
    assert list(pipe.set_seed(3)) == first != list(pipe.set_seed(4))
    assert list(pipe.set_shuffle(False)) == list(range(50))


def test_names_and_graphs():
    @functional_datapipe("thrice_for_test")
    class Thrice(IterDataPipe):
        def __init__(self, datapipe):
            self.datapipe = datapipe

        def __iter__(self):
            return (3 * x for x in self.datapipe)

    pipe = numbers(3).thrice_for_test().map(double)
    assert list(pipe) == [0, 6, 12]
    assert [type(p).__name__ for p in get_all_graph_pipes(traverse_dps(pipe))] == [
        "Mapper",
        "Thrice",
        "IterableWrapper",
    ]
    with pytest.raises(Exception, match="thrice_for_test' is Thrice's already"):
        functional_datapipe("thrice_for_test")(Thrice)
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        numbers().fly()
    assert list(pickle.loads(pickle.dumps(numbers(3).map(double)))) == [0, 2, 4]
    shared = numbers(5).sharding_filter()
    apply_sharding(shared, 2, 1)
    assert list(shared) == [1, 3] and len(shared) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_shuffles_and_shares_out(workers):
    pipe = numbers(20).shuffle().sharding_filter()
    loader = DataLoader(pipe, batch_size=4, shuffle=True, num_workers=workers)
    torch.manual_seed(1)
    epochs = [[x for batch in loader for x in batch.tolist()] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(20)) and epochs[0] != epochs[1]
    torch.manual_seed(1)
    assert [x for batch in loader for x in batch.tolist()] == epochs[0]
    unshuffled = DataLoader(pipe, batch_size=None, shuffle=False, num_workers=workers)
    assert sorted(unshuffled) == list(range(20))
