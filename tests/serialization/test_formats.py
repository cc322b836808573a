"""Formats of files and the switches of reading and writing them."""

import io
import mmap
import pickle
import struct
import sys
import tarfile
import types
import zipfile

import pytest

import flambeau as torch
from flambeau import serialization
from flambeau.serialization.archive import ArchiveWriter


class Point:
    def __init__(self, x):
        self.x = x


class Named:
    """Pickles itself as a name that need not exist here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Writer(pickle._Pickler):
    """Writes Named as their names."""

    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, file, refer=None):
        super().__init__(file, 2)
        self.refer = refer or {}

    def persistent_id(self, obj):
        return self.refer.get(id(obj))

    def save_name(self, obj):
        self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())

    dispatch[Named] = save_name


def pickled(obj, refer=None):
    stream = io.BytesIO()
    Writer(stream, refer).dump(obj)
    return stream.getvalue()


def tar_file(numel=6, offset=1, marker=None):
    """{"x": a view of a storage of six floats, "marker"} in the first format."""
    x = marker or "no"
    storages = pickled(1) + pickled((7, "cpu", Named("torch", "FloatStorage")))
    storages += struct.pack("<q", numel) + struct.pack("<6f", *range(6)) + pickled([])
    tensors = pickled(1) + pickled((9, 7, Named("torch", "FloatTensor")))
    tensors += struct.pack("<2i", 2, 0) + struct.pack("<5q", 2, 2, 2, 1, offset)
    refer = {id(placeholder): "9"}
    members = {
        "storages": storages,
        "tensors": tensors,
        "pickle": pickled({"x": placeholder, "m": x}, refer),
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    stream.seek(0)
    return stream


placeholder = object()


def test_the_first_format_is_read():
    loaded = torch.load(tar_file())
    assert loaded["x"].tolist() == [[1, 2], [3, 4]] and loaded["m"] == "no"


@pytest.mark.parametrize(
    "damage", [{"offset": 5}, {"offset": -1}, {"numel": 7}, {"numel": 1 << 62}]
)
def test_a_damaged_file_of_the_first_format_is_refused(damage):
    with pytest.raises((RuntimeError, pickle.UnpicklingError), match="load: |Weights only"):
        torch.load(tar_file(**damage))


@pytest.mark.parametrize("at", range(0, 2500, 61))
def test_a_file_of_the_first_format_that_was_cut_is_refused(at):
    whole = tar_file().getvalue()
    with pytest.raises((RuntimeError, pickle.UnpicklingError) if at else EOFError):
        torch.load(io.BytesIO(whole[:at]))


def test_the_first_format_runs_nothing_either():
    with pytest.raises(pickle.UnpicklingError, match="Point"):
        torch.load(tar_file(marker=Point(1)))


def test_pytorch_reads_the_first_format_the_same_way(tmp_path):
    pytorch = pytest.importorskip("torch")
    path = tmp_path / "a.tar"
    path.write_bytes(tar_file().getvalue())
    assert pytorch.load(path, weights_only=False)["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("protocol", [2, 4])
def test_unsafe_globals_are_listed_without_running_them(tmp_path, protocol):
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(1), "p": Point(3)}, path, pickle_protocol=protocol)
    (name,) = serialization.get_unsafe_globals_in_checkpoint(path)
    assert name == f"{Point.__module__}.Point"
    with serialization.safe_globals([Point]):
        assert serialization.get_unsafe_globals_in_checkpoint(str(path)) == []
        assert torch.load(path)["p"].x == 3


def test_an_archive_is_what_zipfile_says(tmp_path):
    stream = io.BytesIO(b"before")
    stream.seek(6)
    writer = ArchiveWriter(stream, "größe")
    writer.write_record("a", b"12345", 3)
    writer.write_record("b/c", b"")
    writer.reserve_record("zeros", 2_000_000)
    writer.close()
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["größe/a", "größe/b/c", "größe/zeros"]
        assert archive.read("größe/a") == b"123"
        assert archive.getinfo("größe/zeros").file_size == 2_000_000
    pipe = io.BytesIO()
    pipe.seekable = lambda: False
    torch.save(torch.arange(3), pipe)
    pipe.seekable = lambda: True
    assert torch.load(io.BytesIO(pipe.getvalue())).tolist() == [0, 1, 2]


def test_what_only_writes_is_asked_for_nothing_else():
    written = io.BytesIO()
    torch.save(torch.arange(3), types.SimpleNamespace(write=written.write))
    written.seek(0)
    assert torch.load(written).tolist() == [0, 1, 2]


def test_records_beyond_four_gigabytes_have_long_sizes(monkeypatch):
    import flambeau.serialization.archive as archive_module

    monkeypatch.setattr(archive_module, "_MOST", 1000)  # as if that were the most that 32 bits hold
    stream = io.BytesIO()
    writer = ArchiveWriter(stream, "a")
    writer.write_record("long", bytes(5000))
    writer.write_record("behind", b"x")
    writer.close()
    written = stream.getvalue()
    assert written.count(b"PK\6\6") == 1 and struct.pack("<2H2Q", 1, 16, 5000, 5000) in written


def test_maps_of_files(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"x": torch.zeros(1000), "empty": torch.zeros(0)}, path)
    private = torch.load(path, mmap=True)
    private["x"] += 1
    assert torch.load(path)["x"].sum() == 0 and private["x"].sum() == 1000
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path, mmap=True)["x"].fill_(2)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data/0"))
        info = archive.getinfo(name)
        assert info.file_size == 4000
    assert torch.load(path, mmap=True)["x"].tolist() == [2.0] * 1000
    with pytest.raises(ValueError, match="MAP_PRIVATE or mmap.MAP_SHARED"):
        serialization.set_default_mmap_options(77)


def test_data_can_be_left_out(tmp_path):
    path = tmp_path / "a.pt"
    with serialization.skip_data():
        torch.save({"x": torch.ones(100_000)}, path)
    assert torch.load(path)["x"].sum() == 0
    torch.save({"x": torch.ones(10)}, path)
    with serialization.skip_data():
        assert torch.load(path)["x"].tolist() == [0] * 10
    with pytest.raises(NotImplementedError, match="materialize_fake_tensors"):
        serialization.skip_data(materialize_fake_tensors=True).__enter__()


def test_packages_say_where_storages_lie(monkeypatch):
    monkeypatch.setattr(serialization.settings, "_packages", [])
    moved = []

    def place(storage, location):
        if location == "moon":
            moved.append(storage.nbytes())
            return storage

    serialization.register_package(5, lambda storage: "moon", place)
    stream = io.BytesIO()
    torch.save(torch.ones(3), stream)
    stream.seek(0)
    assert torch.load(stream).tolist() == [1, 1, 1] and moved == [12]
    assert serialization.location_tag(torch.ones(1).untyped_storage()) == "moon"


def test_another_pickle_reads_the_structure(tmp_path):
    path = tmp_path / "a.pt"
    torch.save([torch.ones(2), Point(3)], path)
    seen = []

    class Unpickler(pickle._Unpickler):
        def find_class(self, module, name):
            seen.append(name)
            return super().find_class(module, name)

    other = types.SimpleNamespace(__name__="other", Unpickler=Unpickler)
    tensor, point = torch.load(path, pickle_module=other, weights_only=False)
    assert tensor.tolist() == [1, 1] and point.x == 3 and "Point" in seen
    with pytest.raises(RuntimeError, match="pickle_module=other can't be used with weights_only"):
        torch.load(path, pickle_module=other)
    with pytest.raises(TypeError, match="no class Unpickler"):
        torch.load(path, pickle_module=sys, weights_only=False)


def test_byte_orders_that_files_do_not_tell(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(torch.tensor([1, 256], dtype=torch.int16), path, _disable_byteorder_record=True)
    assert torch.load(path).tolist() == [1, 256]
    other = "BIG" if sys.byteorder == "little" else "LITTLE"
    serialization.set_default_load_endianness(serialization.LoadEndianness[other])
    try:
        assert torch.load(path).tolist() == [256, 1]
    finally:
        serialization.set_default_load_endianness(None)
    assert serialization.get_default_load_endianness() is None
    with pytest.raises(TypeError, match="LoadEndianness"):
        serialization.set_default_load_endianness("big")


def test_small_helpers():
    assert serialization.get_crc32_options() is True
    with pytest.raises(NotImplementedError, match="checksum"):
        serialization.set_crc32_options(False)
    module = types.SimpleNamespace(__name__="m", __version__="1.10.2")
    greater = serialization.check_module_version_greater_or_equal
    assert greater(module, (1, 9, 9)) and not greater(module, (1, 11))
    assert serialization.storage_to_tensor_type(torch.FloatStorage(1)) is torch.FloatTensor
    storage = torch.ones(2).untyped_storage()
    assert serialization.default_restore_location(storage, "cpu").nbytes() == 8


def test_slices_of_storages_share_their_memory():
    x = torch.arange(8, dtype=torch.uint8)
    part = x.untyped_storage()[2:5]
    part[0] = 99
    assert x[2] == 99 and part.tolist() == [99, 3, 4] and part.nbytes() == 3
    storage = x.untyped_storage()
    storage.resize_(1 << 20)  # moves the bytes; the slice keeps its own
    assert part.tolist() == [99, 3, 4] and not part.resizable()
    del x, storage
    assert part.tolist() == [99, 3, 4] and len(part[1:1]) == 0


def test_older_files_with_tensors_that_are_computed_or_checked_on_the_way():
    # The bytes stand behind the structure: conjugates were those of memory nobody had written, indices refused.
    complex_ = torch.tensor([1 + 2j, 3 + 4j])
    data = {
        "coo": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
        "plain": torch.arange(4),
        "list": [torch.ones(2), {"a": (torch.zeros(1), {3})}],
    }
    for weights_only in (True, False):
        file = io.BytesIO()
        torch.save(data, file, _use_new_zipfile_serialization=False)
        torch.save(complex_, file, _use_new_zipfile_serialization=False)
        file.seek(0)
        loaded = torch.load(file, weights_only=weights_only)
        for name in ("coo", "csr", "bsr"):
            assert loaded[name].layout == data[name].layout
            assert torch.equal(loaded[name].to_dense(), data[name].to_dense())
        assert loaded["list"][1]["a"][1] == {3} and loaded["plain"].tolist() == [0, 1, 2, 3]
        assert torch.equal(torch.load(file, weights_only=weights_only), complex_)
