"""torch.save and torch.load: round trips, views, safety, damage, other people's files."""

import collections
import copy
import gc
import io
import os
import pickle
import re
import threading
import weakref
import zipfile
import zlib

import pytest

import flambeau as torch
from flambeau import _core

DTYPES = [
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64",
    "float16 bfloat16 float32 float64 complex64 complex128",
]
DTYPES = " ".join(DTYPES).split()


def round_trip(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return torch.load(file, **options)


def bytes_of_storages(obj):
    file = io.BytesIO()
    torch.save(obj, file)
    infos = zipfile.ZipFile(file).infolist()
    return [i.file_size for i in infos if "/data/" in i.filename]


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(dtype):
    tensor = torch.tensor([[0, 1], [1, 0], [1, 1]]).to(getattr(torch, dtype))
    assert same(round_trip(tensor), tensor)


def test_structures():
    state = {
        "t": torch.ones(2),
        "list": [1, 2.5, None, True, "text", b"bytes", (1, 2), {3, 4}],
        "ordered": collections.OrderedDict(a=torch.zeros(1), b=2),
        "dtype": torch.bfloat16,
        "dtypes": [torch.int64, torch.int64],
        "device": torch.device("cpu"),
        "size": torch.Size([2, 3]),
        "complex": 1 + 2j,
    }
    got = round_trip(state)
    assert got["t"].tolist() == [1, 1]
    assert {k: v for k, v in got.items() if k not in ("t", "ordered")} == {
        k: v for k, v in state.items() if k not in ("t", "ordered")
    }
    assert got["dtype"] is torch.bfloat16
    assert isinstance(got["size"], torch.Size)
    assert isinstance(got["ordered"], collections.OrderedDict)


class Marked(torch.Tensor):
    pass


def test_subclasses_need_their_name_on_the_list():
    marked = torch.arange(3).as_subclass(Marked)
    marked.note = "mine"
    with pytest.raises(pickle.UnpicklingError, match="Marked"):
        round_trip(marked)
    with torch.serialization.safe_globals([Marked]):
        got = round_trip(marked)
    assert type(got) is Marked
    assert got.note == "mine"
    assert got.tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(tmp_path, protocol):
    state = {"a": torch.arange(3), "b": torch.float32, "c": [b"x", "y"], "d": torch.Size([1])}
    torch.save(state, tmp_path / "a.pt", pickle_protocol=protocol)
    got = torch.load(tmp_path / "a.pt")
    assert got["a"].tolist() == [0, 1, 2]
    assert got["b"] is torch.float32
    assert got["c"] == [b"x", "y"]


def test_layouts():
    base = torch.arange(24).view(4, 6)
    for view in (
        base.t(),
        base[1:3],
        base[:, 2],
        base[::2, 1::3],
        base[3, 5],
        base[:0],
        base[0, 0],
    ):
        assert same(round_trip(view), view)
    assert round_trip(base.t()).stride() == (1, 6)
    expanded = torch.ones(1, 3).expand(1000, 3)
    assert bytes_of_storages(expanded) == [12]
    assert same(round_trip(expanded), expanded)
    assert round_trip(torch.tensor(2.5)).item() == 2.5
    assert round_trip(torch.empty(0, 3)).shape == (0, 3)


def test_conjugate_views():
    base = torch.tensor([1 + 2j, 3 - 4j])
    a, b = round_trip([base, base.conj()])
    assert a.tolist() == [1 + 2j, 3 - 4j]
    assert b.tolist() == [1 - 2j, 3 + 4j]
    assert round_trip(base.conj().imag).tolist() == [-2, 4]


def test_a_view_writes_its_own_bytes_only():
    big = torch.zeros(1000, 100)
    assert bytes_of_storages(big[3]) == [400]
    assert bytes_of_storages(big[:, 3]) == [4000]
    assert bytes_of_storages([big[3], big[7]]) == [400, 400]
    assert bytes_of_storages([big[3:5], big[4:6]]) == [1200]
    assert bytes_of_storages([big, big[4:6]]) == [400_000]


def test_what_overlaps_still_does_after_loading():
    base = torch.arange(10)
    a, b, whole = round_trip([base[2:6], base[4:8], base[2:8]])
    b[0] = 100
    assert a.tolist() == [2, 3, 100, 5]
    assert whole.tolist() == [2, 3, 100, 5, 6, 7]
    twice = torch.zeros(2)
    x, y = round_trip([twice, twice])
    assert x is y


def test_overlap_of_different_dtypes_is_refused():
    base = torch.zeros(4)
    with pytest.raises(
        RuntimeError,
        match=r"save: overlapping tensors of torch\.float32, torch\.int32 share memory, and a file holds it as",
    ):
        round_trip([base, base.view(torch.int32)])


def test_requires_grad_and_parameters():
    leaf = torch.ones(3, requires_grad=True)
    parameter = torch.nn.Parameter(torch.ones(2))
    named = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    named.note = "mine"
    got = round_trip({"leaf": leaf, "p": parameter, "named": named, "plain": torch.ones(1)})
    assert got["leaf"].requires_grad
    assert got["leaf"].is_leaf
    assert type(got["p"]) is torch.nn.Parameter
    assert got["p"].requires_grad
    assert not got["named"].requires_grad
    assert got["named"].note == "mine"
    assert not got["plain"].requires_grad


def test_state_dict_of_a_model(tmp_path):
    def model():
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))

    first, second = model(), model()
    torch.save(first.state_dict(), tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt")
    assert list(state) == list(first.state_dict())
    assert state._metadata == first.state_dict()._metadata
    second.load_state_dict(state)
    x = torch.randn(5, 3)
    assert torch.equal(first(x), second(x))


def test_whole_module_needs_trust(tmp_path):
    module = torch.nn.Linear(3, 4)
    torch.save(module, tmp_path / "m.pt")
    with pytest.raises(pickle.UnpicklingError, match="Linear"):
        torch.load(tmp_path / "m.pt")
    again = torch.load(tmp_path / "m.pt", weights_only=False)
    assert torch.equal(again.weight, module.weight)
    x = torch.randn(2, 3)
    assert torch.equal(again(x), module(x))


# Where from, where to


def test_paths_and_file_objects(tmp_path):
    tensor = torch.arange(3)
    torch.save(tensor, tmp_path / "a.pt")
    torch.save(tensor, str(tmp_path / "b.pt"))
    with open(tmp_path / "c.pt", "wb") as file:
        torch.save(tensor, file)
    for name in "abc":
        assert same(torch.load(tmp_path / f"{name}.pt"), tensor)
    with open(tmp_path / "a.pt", "rb") as file:
        assert same(torch.load(file), tensor)
    assert same(torch.load(tmp_path / "a.pt", mmap=True), tensor)


def test_unseekable_targets():
    class Pipe:
        def __init__(self):
            self.content = b""

        def write(self, data):
            self.content += bytes(data)

    pipe = Pipe()
    torch.save(torch.arange(3), pipe)
    assert torch.load(io.BytesIO(pipe.content)).tolist() == [0, 1, 2]


def test_map_location():
    tensor = torch.arange(3)
    for where in ("cpu", torch.device("cpu"), {"cpu": "cpu"}, lambda storage, location: storage):
        assert same(round_trip(tensor, map_location=where), tensor)
    assert same(round_trip(tensor, map_location=lambda storage, location: None), tensor)


def test_equal_contents_give_equal_files(tmp_path):
    for name in "ab":
        torch.save({"x": torch.arange(5)}, tmp_path / "m.pt")
        os.rename(tmp_path / "m.pt", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_records_are_aligned(tmp_path):
    torch.save([torch.zeros(3), torch.ones(100), torch.zeros(1)], tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    for info in zipfile.ZipFile(tmp_path / "a.pt").infolist():
        start = info.header_offset
        lengths = content[start + 26 : start + 30]
        start += 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        assert start % 64 == 0


# Written whole or not at all


class Stops:
    def __reduce__(self):
        raise KeyError("on purpose")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(torch.arange(3), path)
    with pytest.raises(KeyError):
        torch.save([torch.zeros(5), Stops()], path)
    assert torch.load(path).tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_break_in_mid_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    torch.save(torch.arange(3), path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        torch.save(torch.zeros(5), path)
    assert torch.load(path).tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ["a.pt"]


def test_missing_folder_and_links(tmp_path):
    with pytest.raises(
        RuntimeError,
        match="save: the folder .* is not there",
    ):
        torch.save(torch.zeros(1), tmp_path / "no" / "a.pt")
    if os.path.isdir("/proc"):
        with pytest.raises(RuntimeError, match="save: no file can be made in /proc"):
            torch.save(torch.zeros(1), "/proc/a.pt")
    torch.save(torch.zeros(1), tmp_path / "real.pt")
    os.symlink("real.pt", tmp_path / "link.pt")
    os.chmod(tmp_path / "real.pt", 0o640)
    torch.save(torch.ones(1), tmp_path / "link.pt")
    assert os.path.islink(tmp_path / "link.pt")
    assert torch.load(tmp_path / "real.pt").item() == 1
    assert os.stat(tmp_path / "real.pt").st_mode & 0o777 == 0o640


def test_many_threads_write_one_path(tmp_path):
    def write(i):
        for _ in range(5):
            torch.save(torch.full((100,), i), tmp_path / "a.pt")

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    got = torch.load(tmp_path / "a.pt")
    assert got.min() == got.max()
    assert os.listdir(tmp_path) == ["a.pt"]


# Safety

marks = []


def touch(value):
    marks.append(value)
    return value


class Evil:
    def __reduce__(self):
        return touch, ("it ran",)


class Friendly:
    def __init__(self, x):
        self.x = x


def test_code_does_not_run():
    marks.clear()
    with pytest.raises(pickle.UnpicklingError, match="touch"):
        round_trip({"a": torch.zeros(1), "b": Evil()})
    assert marks == []
    round_trip(Evil(), weights_only=False)
    assert marks == ["it ran"]


def test_safe_globals():
    with pytest.raises(pickle.UnpicklingError, match="Friendly.*add_safe_globals"):
        round_trip(Friendly(torch.ones(1)))
    with torch.serialization.safe_globals([Friendly]):
        assert round_trip(Friendly(torch.ones(1))).x.item() == 1
    assert torch.serialization.get_safe_globals() == []
    torch.serialization.add_safe_globals([Friendly])
    assert round_trip(Friendly(3)).x == 3
    torch.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        round_trip(Friendly(3))


def archive(pickled):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("a/data.pkl", pickled)
        z.writestr("a/version", "3\n")
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # a global beyond the list
        b"(S'true'\nios\nsystem\n.",  # INST
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__code__NsNb.",  # BUILD of a function
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aNsb.",
        b"ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",  # BUILD of a class
        b"\x82\x01.",  # an extension code
        b"ctorch._utils\n_rebuild_tensor_v2.x\n.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.",
        b"ctorch\nTensor\n)R.",
        b"(ctorch._utils\n_rebuild_tensor_v2\n",  # cut off
        b"",
        b"garbage",
        b"X\xff\xff\xff\x7fabc.",
        b"h\x05.",
        b"R.",
        b"\x80\x02Q.",
        b"NQ.",
        b"\x80\x05\x96" + b"\x00" * 5 + b"\x04\x00\x00abc.",  # a bytearray of 4 TiB, it claims
        b"\x80\x05\x96" + b"\xff" * 8 + b"abc.",
    ],
)
def test_hostile_and_broken_pickles(pickled):
    with pytest.raises(pickle.UnpicklingError):
        torch.load(archive(pickled))


def edited(tensor, edit):
    """A checkpoint whose records went through `edit(name, content)`; None leaves one out."""
    file = io.BytesIO()
    torch.save(tensor, file)
    out = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = edit(info.filename, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    out.seek(0)
    return out


@pytest.mark.parametrize("mmap", [False, True])
def test_a_damaged_directory_of_the_archive_is_refused(tmp_path, mmap):
    path = tmp_path / "a.pt"
    torch.save({"x": torch.arange(8)}, path)
    content = path.read_bytes()
    entries = [m.start() for m in re.finditer(b"PK\1\2", content)]
    for entry in entries:
        # The version needed, the method, the sizes and the place of a record.
        for field, value in ((6, b"\xff"), (10, b"\x55"), (20, b"\xff" * 8), (42, b"\xf0" * 4)):
            where = entry + field
            path.write_bytes(content[:where] + value + content[where + len(value) :])
            try:
                torch.load(path, mmap=mmap)
            except (RuntimeError, pickle.UnpicklingError) as error:
                assert "load: " in str(error) and not isinstance(error, NotImplementedError)


def test_damaged_files(tmp_path):
    torch.save({"x": torch.arange(1000)}, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    for damaged, kind in {
        b"": EOFError,
        b"abc": pickle.UnpicklingError,
        content[:100]: RuntimeError,
        content[:-30]: RuntimeError,
        b"\x80\x02" + b"x" * 20: pickle.UnpicklingError,
    }.items():
        with pytest.raises(kind, match="load:"):
            torch.load(io.BytesIO(damaged))
    middle = content.index((999).to_bytes(8, "little"))
    flipped = content[:middle] + b"\x12" + content[middle + 1 :]
    with pytest.raises(RuntimeError, match="CRC"):
        torch.load(io.BytesIO(flipped))
    x = torch.arange(4)
    with pytest.raises(RuntimeError, match="no record data/0"):
        torch.load(edited(x, lambda name, c: None if name.endswith("data/0") else c))
    with pytest.raises(RuntimeError, match="has 8 bytes, not the 32"):
        torch.load(edited(x, lambda name, c: c[:8] if name.endswith("data/0") else c))
    with pytest.raises(RuntimeError, match="no checkpoint"):
        torch.load(edited(x, lambda name, c: None if name.endswith("data.pkl") else c))
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "none.pt")


def test_a_layout_beyond_its_storage_is_refused():
    def stretch(name, content):
        # sizes (4,) become (64,): BININT1 4, TUPLE1 after the offset 0
        return content.replace(b"K\x00K\x04\x85", b"K\x00K\x40\x85") if "pkl" in name else content

    with pytest.raises(RuntimeError, match="reaches 512 bytes into a storage of 32"):
        torch.load(edited(torch.arange(4), stretch))


def test_foreign_byte_order():
    def swap(name, content):
        if name.endswith("byteorder"):
            return b"big"
        if name.endswith("data/0"):
            return b"".join(content[i : i + 8][::-1] for i in range(0, len(content), 8))
        return content

    assert torch.load(edited(torch.arange(4), swap)).tolist() == [0, 1, 2, 3]


def test_arguments_that_are_refused():
    with pytest.raises(NotImplementedError, match="pickle_module"):
        torch.save(1, io.BytesIO(), pickle_module=copy)
    with pytest.raises(RuntimeError, match="weights_only"):
        torch.load(io.BytesIO(), pickle_module=pickle)
    with pytest.raises(ValueError, match="mmap"):
        torch.load(io.BytesIO(), mmap=True)


# pickle and copy


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", DTYPES)
def test_pickle(dtype, protocol):
    tensor = torch.tensor([[0, 1], [1, 0], [1, 1]]).to(getattr(torch, dtype))
    for view in (tensor, tensor.t(), tensor[1:, 1:], tensor[:0], tensor[0, 0]):
        assert same(pickle.loads(pickle.dumps(view, protocol)), view)


def test_pickle_keeps_class_and_gradient_flag():
    parameter = torch.nn.Parameter(torch.ones(2))
    got = pickle.loads(pickle.dumps(parameter))
    assert type(got) is torch.nn.Parameter
    assert got.requires_grad
    assert len(pickle.dumps(torch.zeros(1000)[:2])) < 1000


def test_deepcopy():
    x = torch.arange(6.0).view(2, 3)
    x.requires_grad_()
    x.sum().backward()
    y = copy.deepcopy(x)
    assert torch.equal(x, y)
    assert y.requires_grad
    assert y.grad.tolist() == x.grad.tolist()
    assert y.grad is not x.grad
    with torch.no_grad():
        y[0, 0] = 9
    assert x[0, 0] == 0
    with pytest.raises(
        RuntimeError, match="deepcopy: this tensor was computed, and a copy would lose its history"
    ):
        copy.deepcopy(x * 2)
    base = torch.arange(4)
    a, b = copy.deepcopy([base, base[1:]])
    a[1] = 7
    assert b[0] == 7
    assert base[1] == 1


def test_deepcopy_of_a_wrapper_takes_what_stands_in_its_slots():
    class Wrapper(torch.Tensor):
        __slots__ = ["inner", "missing"]

        @staticmethod
        def __new__(cls, inner):
            made = torch.Tensor._make_subclass(cls, inner.to("meta"))
            made.inner = inner
            return made

    wrapper = Wrapper(torch.arange(3))
    copied = copy.deepcopy(wrapper)
    assert type(copied) is Wrapper and copied.is_meta and not hasattr(copied, "missing")
    assert copied.inner is not wrapper.inner and torch.equal(copied.inner, wrapper.inner)


def test_checksums_of_archives_are_zlibs():
    data = bytes(range(256)) * 9 + b"end"
    for n in (0, 1, 15, 16, 63, 64, 65, 80, 127, 128, 200, len(data)):
        for start in (0, 1):
            part = memoryview(data)[start : start + n]
            assert _core._crc32(part) == zlib.crc32(part)
            assert _core._crc32(part, zlib.crc32(b"before")) == zlib.crc32(
                part, zlib.crc32(b"before")
            )
    with pytest.raises(BufferError):
        _core._crc32(memoryview(data)[::2])


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_nothing_keeps_what_was_saved_and_loaded(zipped, weights_only):
    tensor, file = torch.ones(3, 4)[:, ::2], io.BytesIO()
    kept = [weakref.ref(tensor)]
    gc.disable()  # a circle would stay
    try:
        torch.save({"a": tensor}, file, _use_new_zipfile_serialization=zipped)
        file.seek(0)
        loaded = torch.load(file, weights_only=weights_only)["a"]
        kept.append(weakref.ref(loaded))
        del tensor, loaded
        assert [k() for k in kept] == [None, None]
    finally:
        gc.enable()
