"""Workers killed at random moments, few file descriptors, and names by which libraries read the loader."""

import gc
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import weakref

import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader, Dataset, TensorDataset, _utils, dataloader


class Rows(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, i):
        return torch.full((20_000,), float(i)), i


def test_workers_killed_at_random_moments_leave_nothing():
    """In a process of 256 descriptors, of which in the end no more are open than in the beginning."""
    numbers = random.Random(torch.initial_seed())
    before, pids = len(os.listdir("/proc/self/fd")), []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        for round_ in range(20):
            endless = itertools.cycle([[0, 1], [2, 3]])
            loader = DataLoader(
                Rows(), batch_sampler=endless, num_workers=2, persistent_workers=round_ % 2 == 0
            )
            batches = iter(loader)
            workers = [process.pid for process in batches._workers]
            pids += workers
            victim = numbers.choice(workers)
            threading.Timer(numbers.random() * 0.05, os.kill, (victim, signal.SIGKILL)).start()
            with pytest.raises(RuntimeError, match="is killed by signal: Killed"):
                for x, i in batches:
                    assert x[:, 0].tolist() == i.tolist()
            del batches, loader
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    torch._core._drop_idle_segments()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


_KEPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
import flambeau as torch
from flambeau.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(2_000_000.).view(400, 5000), torch.arange(400))
if __name__ == "__main__":
    kept = list(DataLoader(data, 2, num_workers=2))  # 200 batches at a time
    assert len(kept) == 200 and kept[199][0][1, 4999] == 1999999
    assert "numpy" not in sys.modules  # each worker would import it
    print("kept")
"""


def test_batches_may_all_be_kept_with_few_descriptors(tmp_path):
    program = tmp_path / "kept.py"
    program.write_text(_KEPT)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "kept\n", done.stderr


def test_batches_of_workers_are_in_shared_memory():
    data = TensorDataset(torch.arange(100_000.0).view(10, 10_000))
    (x,), *_ = DataLoader(data, 5, num_workers=1)
    assert x.is_shared() and torch.equal(x, data.tensors[0][:5])


def test_names_of_the_iterations():
    data = TensorDataset(torch.arange(6))
    plain, several = iter(DataLoader(data, 2)), iter(DataLoader(data, 2, num_workers=1))
    assert isinstance(plain, dataloader._SingleProcessDataLoaderIter)
    assert isinstance(several, dataloader._MultiProcessingDataLoaderIter)
    for batches in (plain, several):
        assert isinstance(batches, dataloader._BaseDataLoaderIter)
        assert batches._dataset is data and batches._dataset_kind == dataloader._DatasetKind.Map
        assert next(batches)[0].tolist() == [0, 1] and batches._num_yielded == 1
        with pytest.raises(NotImplementedError, match="state_dict"):
            batches.__reduce_ex__(2)
    several._shutdown_workers()
    again = dataloader._SingleProcessDataLoaderIter(DataLoader(data, 3))
    assert next(again)[0].tolist() == [0, 1, 2]
    fetcher = dataloader._DatasetKind.create_fetcher(
        0, data, True, _utils.collate.default_collate, False
    )
    assert fetcher.fetch([1, 2])[0].tolist() == [1, 2]
    stream = dataloader._DatasetKind.create_fetcher(1, iter(range(3)), True, list, False)
    assert stream.fetch([None, None]) == [0, 1] and stream.fetch([None, None]) == [2]
    assert _utils.worker.get_worker_info() is None and _utils.MP_STATUS_CHECK_INTERVAL > 0
    with pytest.warns(UserWarning, match="1000 workers share"):
        DataLoader(data, num_workers=1000)


def test_batches_take_no_room_of_dev_shm():
    """So it may be as small as a container makes it, 64 MB: 320 MB of batches are kept here."""
    free = os.statvfs("/dev/shm").f_bfree
    kept = list(DataLoader([torch.ones(1_000_000) for _ in range(80)], 4, num_workers=2))
    used = (free - os.statvfs("/dev/shm").f_bfree) * os.statvfs("/dev/shm").f_frsize
    assert len(kept) == 20 and kept[19][0, -1] == 1
    assert used < 16 << 20  # other processes may have taken some meanwhile


class Stopping(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 3:
            raise StopIteration
        return i


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_end_raised_by_an_item_ends_the_epoch(workers):
    """No batch is skipped: those after it would seem to follow it."""
    assert [b.tolist() for b in DataLoader(Stopping(), 2, num_workers=workers)] == [[0, 1]]


class Failing(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        raise ValueError(f"no item {i}")


@pytest.mark.parametrize("persistent", (False, True))
def test_workers_end_with_the_error_of_an_item(persistent):
    """At once, not when garbage is collected: the error holds no cycle with the frames it came through."""
    gc.collect()
    gc.disable()
    try:
        batches = iter(DataLoader(Failing(), num_workers=2, persistent_workers=persistent))
        kept, pids = weakref.ref(batches), [process.pid for process in batches._workers]
        with pytest.raises(ValueError, match="no item"):
            next(batches)
        del batches
        assert kept() is None
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    finally:
        gc.enable()
