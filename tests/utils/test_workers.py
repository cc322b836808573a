"""DataLoader with worker processes."""

import gc
import multiprocessing
import os
import pickle
import random
import signal

import numpy
import pytest

import flambeau as torch
from flambeau.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    get_worker_info,
)


class Numbered(Dataset):
    """Sample i is (a row of i, i as a number, its name)."""

    def __init__(self, n=20):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return torch.full((3,), float(i)), i, {"name": f"sample {i}"}


class Stream(IterableDataset):
    """The numbers below n, divided among the workers."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        step, first = (info.num_workers, info.id) if info else (1, 0)
        return iter(range(first, self.n, step))


class Drawn(Dataset):
    """Random numbers of each source, and who drew them."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        drawn = torch.rand(()).item(), random.random(), numpy.random.rand()
        return torch.tensor(drawn, dtype=torch.float64), get_worker_info().id


class Failing(Dataset):
    def __init__(self, how):
        self.how = how

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i < 2:
            return i
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "stuck":
            signal.pause()
        if self.how == "unpicklable":
            return lambda: i
        raise self.how(f"no sample {i}")


class Awkward(Exception):
    """Cannot be made from a text alone."""

    def __init__(self, text, number):
        super().__init__(text, number)


class NeedsTwo(Failing):
    def __getitem__(self, i):
        raise Awkward("no sample", i)


def listed(loader):
    return [(rows.tolist(), numbers.tolist(), names["name"]) for rows, numbers, names in loader]


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    gc.collect()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True}, {"drop_last": True}, {"prefetch_factor": 5}]
)
@pytest.mark.parametrize("num_workers", [1, 3])
def test_batches_are_the_same_for_any_number_of_workers(num_workers, options):
    def epochs(num_workers, **options):
        generator = torch.Generator().manual_seed(3)
        loader = DataLoader(
            Numbered(), batch_size=3, num_workers=num_workers, generator=generator, **options
        )
        assert len(loader) in (6, 7)
        return [listed(loader) for _ in range(2)]

    alone = {key: value for key, value in options.items() if key != "prefetch_factor"}
    assert epochs(num_workers, **options) == epochs(0, **alone)


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_every_way_to_start_a_process(start):
    loader = DataLoader(Numbered(6), batch_size=2, num_workers=2, multiprocessing_context=start)
    assert listed(loader) == listed(DataLoader(Numbered(6), batch_size=2))


def test_every_dtype_and_layout_survives_the_way():
    names = (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
    ).split()
    tensors = [torch.arange(6).view(2, 3).to(getattr(torch, name)) for name in names]
    tensors += [torch.arange(6).view(2, 3).t(), torch.tensor(3), torch.zeros(0, 2)]
    data = [(*tensors, numpy.arange(3), "text", None, torch.ones(2, requires_grad=True))]
    (got,) = DataLoader(data, batch_size=None, num_workers=1, collate_fn=lambda sample: sample)
    for sent, back in zip(tensors, got):
        assert back.dtype == sent.dtype and torch.equal(back, sent)
    back[...] = 1  # memory of its own, and writable
    assert got[-4].tolist() == [0, 1, 2] and got[-3:-1] == ("text", None)
    assert got[-1].requires_grad


def test_a_data_set_that_reads_batches_at_once_does_so_in_workers():
    x = torch.arange(10.0)
    loader = DataLoader(TensorDataset(x, x * 2), batch_size=4, num_workers=2)
    assert [a.tolist() for a, _ in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("num_workers", [1, 2, 3])
def test_streams_are_divided_by_worker_info(num_workers):
    loader = DataLoader(Stream(11), batch_size=2, num_workers=num_workers)
    for _ in range(2):
        batches = [batch.tolist() for batch in loader]
        assert sorted(sum(batches, [])) == list(range(11))
    assert batches[0] == [0, num_workers]


def test_each_worker_draws_its_own_random_numbers_and_a_seed_repeats_them():
    def epoch(loader):
        return {int(who): numbers.tolist() for numbers, (who,) in loader}

    def make():
        torch.manual_seed(5)
        return DataLoader(Drawn(), num_workers=2)

    loader = make()
    first, second = epoch(loader), epoch(loader)
    assert all(a != b for a, b in zip(sum(first[0], []), sum(first[1], [])))
    assert first != second
    assert epoch(make()) == first


def test_workers_leave_the_random_numbers_of_the_main_process_alone():
    torch.manual_seed(5)
    list(DataLoader(Numbered(4), num_workers=2))
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))


def test_worker_init_fn_and_worker_info():
    def start(number):
        info = get_worker_info()
        assert (info.id, info.num_workers) == (number, 2) and info.seed == torch.initial_seed()
        info.dataset.n = 100 + number

    class Told(Numbered):
        def __getitem__(self, i):
            return self.n

    loader = DataLoader(Told(4), num_workers=2, worker_init_fn=start)
    assert [batch.item() for batch in loader] == [100, 101, 100, 101]
    assert get_worker_info() is None


def test_persistent_workers_are_the_same_processes():
    class Process(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return os.getpid()

    def processes(loader):
        return {batch.item() for batch in loader}

    kept = DataLoader(Process(), num_workers=2, persistent_workers=True)
    assert processes(kept) == processes(kept)
    for _ in kept:  # an epoch left early spoils nothing
        break
    assert processes(kept) == processes(kept)
    renewed = DataLoader(Process(), num_workers=2)
    assert processes(renewed) != processes(renewed)


def test_an_epoch_left_early_ends_its_workers():
    for _ in DataLoader(Numbered(100), num_workers=2):
        assert len(multiprocessing.active_children()) == 2
        break
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("error", [ValueError, KeyError, ZeroDivisionError])
def test_an_error_arrives_with_its_type_and_the_workers_traceback(error):
    loader = DataLoader(Failing(error), num_workers=2)
    batches = iter(loader)
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with pytest.raises(error) as caught:
        next(batches)
    text = str(caught.value)
    assert text.startswith(
        f"Caught {error.__name__} in DataLoader worker process 0.\nOriginal Trace"
    )
    assert "no sample 2" in text and "in __getitem__" in text and "\n" in text


def test_an_error_that_needs_more_than_a_text_arrives_as_runtime_error():
    with pytest.raises(RuntimeError, match="Caught Awkward in DataLoader worker process 0"):
        next(iter(DataLoader(NeedsTwo(None), num_workers=1)))


def test_a_sample_that_cannot_be_sent_and_a_failing_init_fn():
    loader = DataLoader(
        Failing("unpicklable"), batch_size=None, num_workers=1, collate_fn=lambda sample: sample
    )
    with pytest.raises((AttributeError, pickle.PicklingError), match="DataLoader worker process 0"):
        list(loader)

    def start(number):
        raise OSError(f"worker {number} finds no disk")

    with pytest.raises(OSError, match="finds no disk"):
        list(DataLoader(Numbered(), num_workers=2, worker_init_fn=start))


def test_a_worker_that_dies_is_reported():
    with pytest.raises(
        RuntimeError,
        match=r"DataLoader worker \(pid \d+\) is killed by signal: Killed",
    ):
        list(DataLoader(Failing("killed"), num_workers=2))


def test_a_worker_that_takes_too_long_is_reported(monkeypatch):
    monkeypatch.setattr("flambeau.utils.data.workers._PATIENCE_S", 0.0)
    with pytest.raises(RuntimeError, match="timed out after 0.5 seconds"):
        list(DataLoader(Failing("stuck"), num_workers=1, timeout=0.5))


def test_out_of_order():
    loader = DataLoader(Numbered(9), num_workers=3, in_order=False)
    assert sorted(numbers.item() for _, numbers, _ in loader) == list(range(9))


def test_resumed_in_mid_epoch_with_workers():
    def make(dataset):
        return DataLoader(
            dataset, batch_size=2, num_workers=2, shuffle=isinstance(dataset, Numbered) or None,
            generator=torch.Generator().manual_seed(1),
        )  # fmt: skip

    def numbers(batch):
        return (batch[1] if isinstance(batch, list) else batch).tolist()

    for dataset in (Numbered(10), Stream(10)):
        loader = make(dataset)
        expected = [numbers(batch) for batch in loader]
        loader = make(dataset)
        batches = iter(loader)
        first = [numbers(next(batches)) for _ in range(2)]
        state = loader.state_dict()
        again = make(dataset)
        again.load_state_dict(state)
        assert first + [numbers(batch) for batch in again] == expected
        del batches


def test_arguments_are_checked():
    for options, error in [
        ({"num_workers": 1, "prefetch_factor": -1}, ValueError),
        ({"num_workers": 1, "multiprocessing_context": "thread"}, ValueError),
        ({"num_workers": 1, "multiprocessing_context": 3}, TypeError),
        ({"prefetch_factor": 2}, ValueError),
        ({"persistent_workers": True}, ValueError),
    ]:
        with pytest.raises(error):
            DataLoader(Numbered(), **options)
    assert DataLoader(Numbered(), num_workers=1).prefetch_factor == 2
    with pytest.warns(
        UserWarning,
        match="DataLoader: pin_memory=True has no effect, because there is no accelerator",
    ):
        next(iter(DataLoader(Numbered(), pin_memory=True)))


def test_workers_end_while_they_wait_to_send(monkeypatch):
    # 5 MB batches do not fit into a pipe. Each worker used to keep the others' pipes open.
    monkeypatch.setattr("flambeau.utils.data.workers._PATIENCE_S", 1000.0)
    loader = DataLoader([torch.zeros(1_250_000)] * 20, num_workers=2)
    next(iter(loader))
    assert not multiprocessing.active_children()
