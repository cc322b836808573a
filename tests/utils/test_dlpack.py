"""Memory shared with other libraries by DLPack."""

import ctypes

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils.dlpack import from_dlpack, to_dlpack

DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 "
    "complex128"
).split()


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_goes_there_and_back(name):
    x = torch.tensor([[1, 0, 1], [0, 1, 1]]).to(getattr(torch, name))
    for source in (x, x.t(), x[:, 1:], x[:0], x[0, 0]):
        for capsule in (source.__dlpack__(), source.__dlpack__(max_version=(1, 0))):
            y = from_dlpack(capsule)
            assert y.dtype is source.dtype and y.shape == source.shape
            assert y.tolist() == source.tolist()
            assert y.numel() == 0 or y.data_ptr() == source.data_ptr()


def test_numpy_sees_the_same_memory_and_keeps_it():
    x = torch.arange(6.0).view(2, 3)
    array = np.from_dlpack(x)
    x[0, 0] = 7
    assert array[0, 0] == 7
    array = np.from_dlpack(torch.arange(1000.0))
    assert array.sum() == 499500
    y = torch.from_dlpack(np.arange(4)[::2])
    assert y.tolist() == [0, 2]


def test_memory_that_others_hold_stays():
    for hold in (torch.Tensor.numpy, np.from_dlpack):
        x = torch.ones(1000)
        x.resize_(50_000).fill_(2)  # its second block
        array = hold(x)
        x.resize_(5_000_000)
        torch.zeros(50_000), torch.zeros(50_000)
        assert array[:50_000].sum() == 100_000
        y = torch.ones(300_000)
        array = hold(y)
        y.data = torch.zeros(3)
        torch.zeros(300_000), torch.zeros(300_000)
        assert array.sum() == 300_000
        z = torch.ones(300_000)
        array = hold(z)
        z.set_(torch.zeros(3))
        torch.zeros(300_000), torch.zeros(300_000)
        assert array.sum() == 300_000


def test_a_capsule_is_taken_over_once():
    capsule = to_dlpack(torch.ones(3))
    from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="once"):
        from_dlpack(capsule)
    for other in (5, None, "x"):
        with pytest.raises(TypeError):
            from_dlpack(other)


def test_the_arguments_of_the_protocol():
    x = torch.ones(3)
    assert x.__dlpack_device__() == (1, 0)
    copied = from_dlpack(x.__dlpack__(copy=True, dl_device=(1, 0), max_version=(1, 0), stream=None))
    copied[0] = 5
    assert x[0] == 1
    assert from_dlpack(x, copy=False).data_ptr() == x.data_ptr()
    with pytest.raises(BufferError, match="stream"):
        x.__dlpack__(stream=3)
    with pytest.raises(BufferError, match="dl_device"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="grad"):
        torch.ones(1, requires_grad=True).__dlpack__()


def test_objects_that_answer_wrongly_are_refused():
    class Source:
        def __init__(self, capsule, device=(1, 0)):
            self.capsule, self.device = capsule, device

        def __dlpack__(self, **options):
            if isinstance(self.capsule, Exception):
                raise self.capsule
            return self.capsule

        def __dlpack_device__(self):
            return self.device

    with pytest.raises(TypeError):
        torch.from_dlpack(Source(5))
    with pytest.raises(OSError):
        torch.from_dlpack(Source(OSError()))
    with pytest.raises(BufferError, match="device"):
        torch.from_dlpack(Source(None, device=(2, 0)))

    class Old(Source):
        def __dlpack__(self, stream=None):
            return self.capsule

    assert torch.from_dlpack(Old(torch.ones(2).__dlpack__()), copy=True).tolist() == [1, 1]


class _Description(ctypes.Structure):  # DLTensor
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_TELL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)


class _Exchange(ctypes.Structure):  # DLPackExchangeAPI
    _fields_ = [
        ("version", ctypes.c_uint32 * 2),
        ("earlier", ctypes.c_void_p),
        ("allocate", ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3, _TELL)),
        ("from_object", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p)),
        ("to_object", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)),
        ("describe", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p)),
        ("stream", ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)),
    ]  # fmt: skip


def _exchange(library):
    read = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    capsule = library.Tensor.__dlpack_c_exchange_api__
    return _Exchange.from_address(read(capsule, b"dlpack_exchange_api"))


@pytest.mark.parametrize("receiver", ["flambeau", "torch"])
def test_c_programs_exchange_tensors(receiver):
    ours, theirs = _exchange(torch), _exchange(pytest.importorskip(receiver))
    assert tuple(ours.version) == (1, 3)
    x, held, found = torch.arange(6.0).view(2, 3).T, ctypes.c_void_p(), ctypes.py_object()
    for give, take in ((ours, theirs), (theirs, ours)):
        assert give.from_object(x, ctypes.addressof(held)) == 0
        assert take.to_object(held, ctypes.addressof(found)) == 0
        x, before = found.value, x.data_ptr()
        assert x.data_ptr() == before and tuple(x.shape) == (3, 2) and x.stride() == (1, 3)
    described = _Description()
    assert ours.describe(x, ctypes.addressof(described)) == 0
    assert (described.ndim, described.bits, described.data) == (2, 32, x.data_ptr())
    assert described.strides[:2] == [1, 3]
    assert ours.stream(1, 0, ctypes.addressof(held)) == 0 and held.value is None


def test_c_programs_are_told_why_not():
    ours, told = _exchange(torch), []
    tell = _TELL(lambda context, kind, text: told.append((kind, text)))
    held, found, like = ctypes.c_void_p(), ctypes.py_object(), _Description()
    x = torch.zeros(2, 3, dtype=torch.int16)
    ours.describe(x, ctypes.addressof(like))
    assert ours.allocate(ctypes.addressof(like), ctypes.addressof(held), None, tell) == 0
    assert ours.to_object(held, ctypes.addressof(found)) == 0
    assert found.value.shape == (2, 3) and found.value.dtype is torch.int16 and not told
    like.bits = 3
    assert ours.allocate(ctypes.addressof(like), ctypes.addressof(held), None, tell) == -1
    assert told[0][0] == b"BufferError" and b"3 bits" in told[0][1]
    with pytest.raises(TypeError, match="dlpack: takes a Tensor, not int"):
        ours.from_object(5, ctypes.addressof(held))
