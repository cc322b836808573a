"""TypedStorage and its older names."""

import copy
import pickle

import pytest

import flambeau as torch


def test_a_tensor_and_its_storage_are_one_memory():
    x = torch.arange(6.0).view(2, 3)
    storage = x[1].storage()
    assert storage.dtype is torch.float32 and len(storage) == storage.size() == 6
    assert storage.nbytes() == 24 and storage.element_size() == 4
    assert storage.data_ptr() == x.data_ptr() and storage.tolist() == list(range(6))
    storage[0] = 9
    storage[3:5] = 7
    assert x.tolist() == [[9, 1, 2], [7, 7, 5]] and storage[-1] == 5
    assert x.storage()._cdata == storage._cdata != torch.ones(6).storage()._cdata
    assert x.storage_type() is torch.FloatStorage and isinstance(storage, torch.FloatStorage)
    assert not isinstance(storage, torch.LongStorage) and torch.is_storage(storage)
    assert storage.type() == "torch.FloatStorage" and "of size 6" in repr(storage)


def test_made_from_sizes_and_sequences():
    assert torch.IntStorage().size() == 0 and torch.IntStorage(3).size() == 3
    assert torch.ComplexFloatStorage([1, 2j]).tolist() == [1, 2j]
    assert torch.TypedStorage([1, 2], dtype=torch.bool).tolist() == [True, True]
    ints = torch.IntStorage([-1, 0, 3])
    assert ints.byte().tolist() == [255, 0, 3] and ints.byte().dtype is torch.uint8
    assert ints.bool().tolist() == [True, False, True]
    assert ints.complex_double().dtype is torch.complex128
    assert ints.type("torch.HalfStorage").dtype is ints.type(torch.HalfStorage).dtype
    assert type(torch.FloatStorage(2)) is torch.TypedStorage


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: torch.FloatStorage(0, 0), RuntimeError),
        (lambda: torch.FloatStorage(dtype=torch.int8), RuntimeError),
        (lambda: torch.FloatStorage(device="cpu"), RuntimeError),
        (lambda: torch.FloatStorage(other=1), TypeError),
        (lambda: torch.FloatStorage(2.5), TypeError),
        (lambda: torch.FloatStorage(torch.ones(2)), TypeError),
        (lambda: torch.FloatStorage("text"), TypeError),
        (lambda: torch.FloatStorage(wrap_storage=torch.FloatStorage(2)), TypeError),
        (lambda: torch.storage._LegacyStorage(), RuntimeError),
        (lambda: torch.TypedStorage(wrap_storage=torch.UntypedStorage(4)), RuntimeError),
        (lambda: torch.TypedStorage(dtype=0), TypeError),
        (lambda: torch.FloatStorage(3)[3], IndexError),
        (lambda: torch.FloatStorage(3)[1:2], RuntimeError),
        (lambda: torch.FloatStorage(3).__setitem__(0, "text"), TypeError),
        (lambda: torch.FloatStorage(3).fill_(torch.FloatStorage(1)), RuntimeError),
        (lambda: torch.FloatStorage(3).copy_(torch.LongStorage(3)), RuntimeError),
    ],
)
def test_refusals(make, error):
    with pytest.raises(error):
        make()


def test_set_takes_layouts_and_refuses_other_dtypes():
    x = torch.arange(6.0)
    assert torch.empty(0).set_(x.storage()).tolist() == x.tolist()
    assert torch.empty(0).set_(x.storage(), 1, (2, 2)).tolist() == [[1, 2], [3, 4]]
    assert torch.empty(0).set_(x, 0, (2, 2), (1, 2)).tolist() == [[0, 2], [1, 3]]
    assert torch.empty(3).set_().shape == (0,)
    assert x.is_set_to(torch.empty(0).set_(x)) and not x.is_set_to(x.view(2, 3))
    assert not torch.empty(0).is_set_to(torch.empty(0))
    for bad, error in (
        (lambda: x.set_(torch.arange(3)), RuntimeError),
        (lambda: x.set_(torch.LongStorage(3)), RuntimeError),
        (lambda: x.set_(x.storage(), -1, (1,)), RuntimeError),
        (lambda: x.set_(x.storage(), 0, (2,), (-1,)), RuntimeError),
        (lambda: x.set_(x.storage(), 0, (2,), (1, 1)), RuntimeError),
        (lambda: x.set_(x.storage(), 1), TypeError),
        (lambda: x.set_(x.storage(), size=(2,)), TypeError),
        (lambda: x.set_(3), TypeError),
        (lambda: torch.ones(2, requires_grad=True).set_(x), RuntimeError),
        (lambda: (torch.ones(2, requires_grad=True) * 2).set_(x), RuntimeError),
    ):
        with pytest.raises(error):
            bad()


@pytest.mark.parametrize("how", ["set_", "data"])
def test_a_view_given_other_memory_is_no_view_any_more(how):
    base = torch.zeros(4)
    view = base[2:]
    assert view._is_view() and view._base is base
    if how == "set_":
        view.set_(torch.ones(3))
    else:
        view.data = torch.ones(3)
    assert not view._is_view() and view._base is None
    w = torch.ones(3, requires_grad=True)
    view.mul_(w)
    assert not base.requires_grad
    view.sum().backward()
    assert w.grad.tolist() == [1, 1, 1]


def test_buffers_and_files(tmp_path):
    content = bytearray([1, 2, 3, 4])
    assert torch.ByteStorage.from_buffer(content).tolist() == [1, 2, 3, 4]
    assert torch.ShortStorage.from_buffer(content, "big").tolist() == [258, 772]
    assert torch.IntStorage.from_buffer(content, "little")[0] == 67305985
    assert torch.BoolStorage.from_buffer(b"\0\7\0", "big").tolist() == [False, True, False]
    with pytest.raises(TypeError, match="byte_order"):
        torch.IntStorage.from_buffer(content)
    with pytest.raises(ValueError, match="whole number"):
        torch.ShortStorage.from_buffer(content, "big", offset=1)
    path = str(tmp_path / "floats")
    first = torch.FloatStorage.from_file(path, True, 5)
    torch.FloatTensor(first).copy_(torch.arange(5.0))
    assert torch.from_file(path, True, 5, dtype=torch.float32).tolist() == [0, 1, 2, 3, 4]


def test_tensors_over_storages_and_copies():
    storage = torch.FloatStorage([1, 2, 3])
    tensor = torch.FloatTensor(storage)
    tensor[0] = 9
    assert storage[0] == 9 and torch.ones(1).new(storage).data_ptr() == storage.data_ptr()
    with pytest.raises(RuntimeError, match="int64"):
        torch.FloatTensor(torch.LongStorage(2))
    for copied in (copy.deepcopy(storage), copy.copy(storage), pickle.loads(pickle.dumps(storage))):
        assert copied.tolist() == [9, 2, 3] and copied.dtype is torch.float32
        assert copied.data_ptr() != storage.data_ptr()


def test_quantized_storages_keep_whole_numbers():
    for name in ("QUInt8Storage", "QInt8Storage", "QInt32Storage", "QUInt4x2Storage"):
        kind = getattr(torch, name)
        storage = kind(4)
        storage[:] = 0
        storage[1:3] = 5
        storage[3] = 7
        assert storage.tolist() == kind([0, 5, 5, 7]).tolist() == [0, 5, 5, 7]
        assert storage[3] == 7 and storage.dtype is kind.dtype
    assert {torch.FloatStorage, torch.UntypedStorage} < torch._storage_classes


def test_storage_is_that_of_the_default_dtype():
    assert torch.Storage is torch.FloatStorage
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.Storage is torch.DoubleStorage
    finally:
        torch.set_default_dtype(torch.float32)
