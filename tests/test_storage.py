"""UntypedStorage."""

import copy

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
