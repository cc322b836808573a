"""Samplers: any number of draws, in memory that grows with what is taken."""

import itertools

import pytest

import flambeau as torch
from flambeau.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    sampler,
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sampler, "_BLOCK", 8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


HUGE = range(10**12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSampler([0, 1, 2], replacement=True, num_samples=10**12),
        lambda: RandomSampler([0, 1, 2], num_samples=10**12),
        lambda: RandomSampler(HUGE, replacement=True),
        lambda: RandomSampler(HUGE, num_samples=10**9),
        lambda: SequentialSampler(HUGE),
        lambda: WeightedRandomSampler([1.0, 2.0, 3.0], 10**12),
        lambda: DistributedSampler(HUGE, 3, 1, shuffle=False),
        lambda: BatchSampler(RandomSampler(HUGE, replacement=True), 3, False),
    ],
)
def test_the_beginning_of_a_huge_epoch_is_there_at_once(make):
    taken = list(itertools.islice(iter(make()), 20))
    assert len(taken) == 20
    for index in taken:
        for one in index if isinstance(index, list) else [index]:
            assert type(one) is int
            assert 0 <= one < 10**12


def test_draws_with_replacement_are_even():
    drawn = list(RandomSampler(range(4), True, 4000, seeded()))
    assert len(drawn) == 4000
    assert all(900 < drawn.count(i) < 1100 for i in range(4))
    drawn = list(WeightedRandomSampler([1.0, 0.0, 3.0], 4000, generator=seeded()))
    assert drawn.count(1) == 0
    assert 900 < drawn.count(0) < 1100


@pytest.mark.parametrize(("n", "count"), [(1000, 5), (1000, 62), (1000, 63), (1000, 999), (7, 7)])
def test_without_replacement_nothing_repeats(n, count):
    drawn = list(RandomSampler(range(n), num_samples=count, generator=seeded()))
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= set(range(n))
    again = list(RandomSampler(range(n), num_samples=count, generator=seeded()))
    assert drawn == again
    other = list(RandomSampler(range(n), num_samples=count, generator=seeded(1)))
    assert drawn != other


def test_few_of_many_are_drawn_evenly():
    counts = [0] * 40
    generator = seeded()
    for _ in range(2000):
        first, second = RandomSampler(range(40), num_samples=2, generator=generator)
        assert first != second
        counts[first] += 1
        counts[second] += 1
    assert min(counts) > 60
    assert max(counts) < 140


def test_more_samples_than_there_are_go_round():
    drawn = list(RandomSampler(range(5), num_samples=12, generator=seeded()))
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == [0, 1, 2, 3, 4]
    assert len(drawn) == 12


def test_subsets_and_parts():
    drawn = list(SubsetRandomSampler(range(100, 120), seeded()))
    assert sorted(drawn) == list(range(100, 120))
    for shuffle, drop_last in itertools.product((False, True), repeat=2):
        parts = [
            list(DistributedSampler(range(20), 3, rank, shuffle, drop_last=drop_last))
            for rank in range(3)
        ]
        assert {len(part) for part in parts} == {6 if drop_last else 7}
        together = sorted(index for part in parts for index in part)
        assert len(set(together)) == (18 if drop_last else 20)
    assert list(DistributedSampler([], 2, 0)) == []


def test_names_that_programs_import():
    from flambeau.utils.data import DataLoader
    from flambeau.utils.data._utils.collate import default_collate
    from flambeau.utils.data.distributed import DistributedSampler as Same

    assert Same is DistributedSampler
    assert DataLoader[int].__origin__ is DataLoader
    assert default_collate([1, 2]).tolist() == [1, 2]
