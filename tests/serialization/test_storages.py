"""Storages in checkpoints, and the format from before 1.6."""

import gzip
import io
import pickle

import pytest

import flambeau as torch


def roundtrip(obj, older=False, **options):
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=not older)
    file.seek(0)
    return torch.load(file, **options)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    "dtype", "uint8 uint16 uint32 uint64 int16 complex32 float8_e5m2 bfloat16 bool".split()
)
def test_tensors_of_every_dtype_come_back(dtype, older):
    x = torch.arange(6).to(getattr(torch, dtype))
    loaded, view = roundtrip([x, x[2:4]], older)
    assert loaded.dtype is x.dtype and loaded.view(torch.uint8).equal(x.view(torch.uint8))
    loaded.zero_()
    assert not view.view(torch.uint8).any()


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("weights_only", [False, True])
def test_storages_and_tensors_stay_one_memory(older, weights_only):
    x = torch.arange(6.0)
    parts = [x, x[2:4], x.storage(), x.storage(), torch.LongStorage([7]), torch.FloatStorage()]
    loaded = roundtrip(parts, older, weights_only=weights_only)
    y, view, storage, again, longs, empty = loaded
    assert [type(p) for p in loaded] == [type(p) for p in parts]
    assert y.equal(x) and longs.tolist() == [7] and empty.tolist() == []
    assert longs.dtype is torch.int64 and empty.dtype is torch.float32
    y.fill_(9)
    assert view.tolist() == [9, 9] and storage.tolist() == [9] * 6
    assert storage._cdata == again._cdata == view.untyped_storage()._cdata


@pytest.mark.parametrize("older", [False, True])
def test_bytes_of_a_storage(older):
    loaded = roundtrip(torch.UntypedStorage([1, 2, 3]), older)
    assert isinstance(loaded, torch.UntypedStorage) and loaded.tolist() == [1, 2, 3]
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="share memory"):
        roundtrip([x, torch.TypedStorage(wrap_storage=x.untyped_storage(), dtype=torch.int32)])


def test_modules_and_attributes_in_the_older_format():
    model = torch.nn.Linear(3, 2)
    loaded = roundtrip(model.state_dict(), older=True)
    assert list(loaded) == ["weight", "bias"] and loaded["weight"].equal(model.weight.detach())
    assert roundtrip(model, older=True, weights_only=False).bias.equal(model.bias)
    plain = torch.ones(2)
    plain.name_of_mine = "name"
    for older in (False, True):
        again = roundtrip([plain, plain], older)
        assert again[0].name_of_mine == "name" and again[0] is again[1]


def test_a_file_of_pytorch_0_3_with_parts_of_a_storage():
    parts = [  # what PyTorch wrote for (storage[:1], storage[1:]) of a FloatStorage [5, 6]
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        pickle.dumps(1001, 2),
        pickle.dumps({"little_endian": True, "protocol_version": 1001, "type_sizes": {}}, 2),
        b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuK\x02U\x01aK\x00K\x01\x87tQ"
        b"(U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuK\x02U\x01bK\x01K\x01\x87tQ\x86.",
        pickle.dumps(["1"], 2),
        (2).to_bytes(8, "little") + torch.tensor([5.0, 6.0]).numpy().tobytes(),
    ]
    whole = b"".join(parts)
    first, second = torch.load(io.BytesIO(whole))
    assert first.tolist() == [5] and second.tolist() == [6]
    assert first.data_ptr() + 4 == second.data_ptr()
    parts[4] = b"\x80\x02]U\x011a."  # as Python 2 wrote the keys
    as_bytes = torch.load(io.BytesIO(b"".join(parts)), encoding="bytes")
    assert as_bytes[1].tolist() == [6]
    for damaged in (whole[:-1], whole[:-12], whole[: len(b"".join(parts[:4]))]):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            torch.load(io.BytesIO(damaged))


def test_an_older_file_that_runs_code_is_refused():
    class Bad:
        def __reduce__(self):
            return print, ("ran",)

    file = io.BytesIO()
    torch.save(Bad(), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file)


class OnlyReads:
    """A file object with no more than it needs."""

    def __init__(self, content):
        file = io.BytesIO(content)
        self.read, self.seek, self.tell, self.readline = (
            file.read,
            file.seek,
            file.tell,
            file.readline,
        )


def test_file_objects_that_can_do_little(tmp_path):
    file = io.BytesIO()
    torch.save({"x": torch.ones(2)}, file)
    assert torch.load(OnlyReads(file.getvalue()))["x"].tolist() == [1, 1]
    with gzip.open(tmp_path / "packed", "wb") as packed:
        packed.write(file.getvalue())
    with gzip.open(tmp_path / "packed", "rb") as packed:
        assert torch.load(packed)["x"].tolist() == [1, 1]
    with pytest.raises(AttributeError, match="path or a file object"):
        torch.save("text", torch.ones(2))
    with open(tmp_path / "unclosed", "wb") as unclosed:
        torch.save(torch.ones(2), unclosed)
        assert torch.load(tmp_path / "unclosed").tolist() == [1, 1]  # it is written out
