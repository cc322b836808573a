"""The first batch, which new workers make together, is the one that a process alone makes."""

import gc
import os

import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader, Dataset, Subset, get_worker_info

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


class Made(Dataset):
    """Sample i is make(i)."""

    def __init__(self, make, n):
        self.make = make
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.make(i)


def large(i):
    return torch.full((3, 64, 64), float(i))


SAMPLES = {
    "numbers": lambda i: i,
    "floats": lambda i: i + 0.5,
    "two kinds of numbers": lambda i: i if i < 2 else i + 0.5,
    "pairs": lambda i: (large(i), i),
    "words": lambda i: {"a": large(i), "b": (large(-i), str(i)), "c": [torch.tensor(i), b"x"]},
    "small": lambda i: torch.full((2,), i),
    "turned": lambda i: large(i).transpose(0, 2),
    "two dtypes": lambda i: large(i).double() if i > 5 else large(i),
}


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return a == b


def outcome(data, batch_size, workers):
    try:
        return list(DataLoader(data, batch_size=batch_size, num_workers=workers))
    except RuntimeError as error:
        return type(error)


@pytest.mark.filterwarnings("ignore:DataLoader. . workers share")
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    ("n", "batch_size", "workers"), [(10, 8, 2), (7, 7, 4), (3, 1, 2), (1, 5, 2)]
)
def test_it_is_the_batch_of_one_process(sample, n, batch_size, workers):
    data = Made(SAMPLES[sample], n)
    assert equal(outcome(data, batch_size, workers), outcome(data, batch_size, 0))
    part = Subset(data, range(n))
    assert equal(outcome(part, batch_size, workers), outcome(part, batch_size, 0))


def test_each_worker_makes_a_share():
    who = Made(lambda i: get_worker_info().id, 6)
    assert [b.tolist() for b in DataLoader(who, batch_size=4, num_workers=2)] == [
        [0, 0, 1, 1],
        [1, 1],
    ]


def test_a_collate_fn_of_ones_own_sees_the_whole():
    who = Made(lambda i: get_worker_info().id, 6)
    loader = DataLoader(who, batch_size=4, num_workers=2, collate_fn=lambda samples: samples)
    assert list(loader) == [[0, 0, 0, 0], [1, 1]]


def test_failures_name_their_worker():
    def make(i):
        if i == 3:
            raise KeyError("no such sample")
        return i

    with pytest.raises(KeyError, match=r"worker process 1(.|\n)*no such sample"):
        list(DataLoader(Made(make, 4), batch_size=4, num_workers=2))
    with pytest.raises(RuntimeError):
        list(DataLoader(Made(lambda i: torch.ones(i), 4), batch_size=4, num_workers=2))


def test_batches_live_on_when_their_workers_are_gone():
    data = Made(large, 16)
    kept = [next(iter(DataLoader(data, batch_size=16, num_workers=2))) for _ in range(3)]
    gc.collect()
    for batch in kept:
        batch.add_(1)
    want = torch.stack([large(i + 1) for i in range(16)])
    assert all(torch.equal(batch, want) for batch in kept)


def test_persistent_workers_share_the_first_epoch_alone():
    who = Made(lambda i: get_worker_info().id, 4)
    loader = DataLoader(who, batch_size=4, num_workers=2, persistent_workers=True)
    assert [next(iter(loader)).tolist() for _ in range(3)] == [[0, 0, 1, 1], [0] * 4, [0] * 4]


@pytest.mark.filterwarnings("ignore:DataLoader. . workers share")
def test_workers_with_an_init_function_make_whole_batches():
    data = Made(lambda i: get_worker_info().id, 8)
    loader = DataLoader(data, batch_size=4, num_workers=2, worker_init_fn=int)
    assert [batch.tolist() for batch in loader] == [[0] * 4, [1] * 4]
