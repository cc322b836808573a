"""UntypedStorage."""

import copy
import os
import pickle

import numpy as np
import pytest

import flambeau as torch


def test_views_share_a_storage():
    x = torch.arange(6.0)
    storage = x.untyped_storage()
    assert storage.nbytes() == len(storage) == 24
    assert storage.data_ptr() == x.data_ptr() == x[2:].untyped_storage().data_ptr()
    assert storage == x[3:].untyped_storage()
    assert storage != torch.arange(6.0).untyped_storage()
    storage.fill_(0)
    assert x.tolist() == [0] * 6


def test_copies_and_bytes():
    x = torch.tensor([1, 256], dtype=torch.int16)
    storage = x.untyped_storage()
    assert storage.tolist() == [1, 0, 0, 1]
    assert storage[3] == 1
    other = copy.deepcopy(storage)
    other[0] = 7
    assert x[0] == 1
    assert "of size 4" in repr(storage)
    assert torch.UntypedStorage(3).nbytes() == 3
    assert torch.UntypedStorage([1, 2]).tolist() == [1, 2]


def test_set_takes_a_storage():
    x = torch.arange(6.0)
    y = torch.empty(0).set_(x.untyped_storage(), 1, (2, 2), (2, 1))
    assert y.tolist() == [[1, 2], [3, 4]]
    y[0, 0] = 9
    assert x[1] == 9
    assert torch.empty(0).set_(x.untyped_storage()).shape == (6,)


def test_resizing_never_takes_memory_from_under_a_tensor():
    x = torch.arange(300000.0)
    storage = x.untyped_storage()
    assert storage.resizable()
    storage.resize_(0)
    assert storage.nbytes() == 0 and storage.data_ptr() == 0
    # The addresses stay as long as tensors look at them; their pages may have gone, and are 0 then.
    assert 0 <= x.sum() <= 299999 * 150000
    storage.resize_(8)
    assert storage.nbytes() == 8 and x[-1] in (0, 299999)
    storage.resize_(4_000_000)
    assert storage.nbytes() == 4_000_000
    storage.resize_(16)
    storage.resize_(5_000_000)
    assert x.untyped_storage().nbytes() == 5_000_000 and x.numel() == 300000
    with pytest.raises(RuntimeError, match="-1 bytes"):
        storage.resize_(-1)
    foreign = torch.from_numpy(np.ones(3)).untyped_storage()
    assert not foreign.resizable()
    for size in (1, 1000):
        with pytest.raises(RuntimeError, match="belongs to another object"):
            foreign.resize_(size)


def test_slices_of_bytes_and_values():
    storage = torch.UntypedStorage([1, 2, 300])
    assert storage.tolist() == [1, 2, 44]
    assert storage[1:].tolist() == [2, 44] and storage[2:1].tolist() == [] and storage[-1] == 44
    storage[:2] = 7
    assert list(storage) == [7, 7, 44]
    for bad, error in (
        (lambda: storage[3], IndexError),
        (lambda: storage[::2], RuntimeError),
        (lambda: storage.__setitem__(0, 1.5), RuntimeError),
        (lambda: torch.UntypedStorage(-1), RuntimeError),
        (lambda: torch.UntypedStorage("a"), RuntimeError),
        (lambda: torch.UntypedStorage(2.5), RuntimeError),
        (lambda: storage.copy_(torch.UntypedStorage(2)), RuntimeError),
    ):
        with pytest.raises(error):
            bad()


def test_copies_of_tensors_and_storages_stay_together():
    a = torch.arange(4.0)
    copied, view, storage, typed = copy.deepcopy([a, a[2:], a.untyped_storage(), a.storage()])
    copied.add_(1)
    assert view.tolist() == [3, 4] and typed.tolist() == [1, 2, 3, 4]
    assert storage == copied.untyped_storage() != a.untyped_storage()
    assert a.tolist() == [0, 1, 2, 3]
    again = pickle.loads(pickle.dumps(a.untyped_storage()))
    assert again.tolist() == a.untyped_storage().tolist()


def test_shared_memory_is_seen_by_forked_processes():
    x = torch.zeros(3)
    y = x[1:]
    assert not x.is_shared() and x.share_memory_() is x
    assert x.is_shared() and y.is_shared() and not x.untyped_storage().resizable()
    child = os.fork()
    if child == 0:
        y.fill_(5)
        os._exit(0)
    os.waitpid(child, 0)
    assert x.tolist() == [0, 5, 5]


def test_a_file_of_bytes(tmp_path):
    path = tmp_path / "bytes"
    storage = torch.UntypedStorage.from_file(str(path), True, 4)
    assert storage.tolist() == [0] * 4 and storage.is_shared() and storage.filename == str(path)
    storage[0] = 9
    assert path.read_bytes()[0] == 9
    private = torch.UntypedStorage.from_file(str(path), False, 4)
    private[0] = 1
    assert path.read_bytes()[0] == 9 and not private.is_shared() and private.filename is None
    with pytest.raises(RuntimeError, match="has 4 bytes, not the 5"):
        torch.UntypedStorage.from_file(str(path), False, 5)
    with pytest.raises(RuntimeError, match="can't be opened"):
        torch.UntypedStorage.from_file(str(tmp_path / "none"), False, 5)


@pytest.mark.parametrize("make", [torch.tensor, torch.as_tensor, torch.asarray])
def test_a_tensor_of_a_storage_shares_its_memory(make):
    x = torch.arange(4.0)
    again = make(x.untyped_storage(), dtype=torch.float32)
    assert torch.equal(again, x) and again.data_ptr() == x.data_ptr()
    assert torch.equal(make(x.storage()), x)
    assert torch.equal(make(x.storage(), dtype=torch.float32), x)
    assert make(x.untyped_storage(), dtype=torch.int16).tolist() == x.view(torch.int16).tolist()
    assert make(x.untyped_storage()).tolist() == x.view(torch.int64).tolist()
    with pytest.raises(RuntimeError, match="holds torch.float32, and dtype is torch.int64"):
        make(x.storage(), dtype=torch.int64)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's counts of pages")
def test_resize_gives_memory_back():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    x = torch.ones(64 << 18)  # 64 MiB
    before = resident()
    x.untyped_storage().resize_(0)
    assert before - resident() > 48 << 20
    assert x[0] in (0, 1) and x[1 << 20] == 0  # looking at it does no harm
    x.untyped_storage().resize_(256 << 18)
    assert x.fill_(2).sum() == 2 * x.numel()


def test_on_meta_there_is_a_size_and_nothing_to_read():
    for storage in (
        torch.UntypedStorage(8, device="meta"),
        torch.TypedStorage([1, 2], dtype=torch.float32, device="meta"),
        torch.zeros(2, device="meta").untyped_storage(),
        torch.UntypedStorage(device="meta"),
    ):
        assert storage.device.type == "meta" and storage.data_ptr() == 0
        assert storage.nbytes() in (0, 8)
        for read in (lambda s: s[0], lambda s: s.tolist(), lambda s: s.cpu()):
            with pytest.raises(
                NotImplementedError, match="a storage on the meta device has a size"
            ):
                read(storage)
    with pytest.raises(NotImplementedError, match="copy_: a storage on the meta device"):
        torch.UntypedStorage(8).copy_(torch.UntypedStorage(8, device="meta"))
