"""load_lua reads what Torch7 writes, and refuses what it cannot."""

import struct

import pytest

import flambeau as torch
from flambeau.legacy import nn
from flambeau.utils.serialization import T7ReaderException, TorchObject, load_lua


def text(value):
    return struct.pack("<i", len(value)) + value.encode()


class Writer:
    """Torch7's binary form."""

    def __init__(self):
        self.count = 0

    def index(self):
        self.count += 1
        return struct.pack("<i", self.count)

    def __call__(self, value):
        if value is None:
            return struct.pack("<i", 0)
        if isinstance(value, bool):
            return struct.pack("<ii", 5, value)
        if isinstance(value, int | float):
            return struct.pack("<id", 1, value)
        if isinstance(value, str):
            return struct.pack("<i", 2) + text(value)
        if isinstance(value, dict):
            items = b"".join(self(k) + self(v) for k, v in value.items())
            return struct.pack("<i", 3) + self.index() + struct.pack("<i", len(value)) + items
        if isinstance(value, list):
            return self({i: one for i, one in enumerate(value, 1)})
        if isinstance(value, tuple):  # (class, fields)
            return self.object(value[0], self(value[1]))
        sizes, strides = value.shape, value.stride()
        kind = {"float32": "Float", "int64": "Long"}[str(value.dtype).partition(".")[2]]
        data = value.untyped_storage()
        raw = bytes(data.tolist())
        storage = self.object(
            f"torch.{kind}Storage", struct.pack("<q", len(raw) // value.itemsize) + raw
        )
        body = struct.pack(
            f"<i{2 * len(sizes) + 1}q", len(sizes), *sizes, *strides, value.storage_offset() + 1
        )
        return self.object(f"torch.{kind}Tensor", body + storage)

    def object(self, name, body):
        return struct.pack("<i", 4) + self.index() + text("V 1") + text(name) + body


def written(path, value):
    path.write_bytes(Writer()(value))
    return path


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        3,
        2.5,
        "word",
        [1, "a", [2]],
        {"a": 1, "b": {2.5: None}},
        {1: "x", 3: "y"},
    ],
)
def test_plain_values(tmp_path, value):
    found = load_lua(written(tmp_path / "x.t7", value))
    flat = lambda v: {k: flat(one) for k, one in v.items()} if isinstance(v, dict) else v
    assert flat(found) == value


@pytest.mark.parametrize(
    "tensor",
    [torch.randn(2, 3), torch.arange(12).view(3, 4)[:, 1:3], torch.randn(4, 3).t(), torch.empty(0)],
)
def test_tensors_of_any_layout(tmp_path, tensor):
    found = load_lua(written(tmp_path / "x.t7", {"x": tensor}))["x"]
    assert torch.equal(found, tensor) and found.dtype == tensor.dtype


def test_modules_of_nn(tmp_path):
    weight, bias = torch.randn(2, 3), torch.randn(2)
    linear = ("nn.Linear", {"weight": weight, "bias": bias, "train": True})
    join = ("nn.JoinTable", {"dimension": 2})
    net = load_lua(
        written(tmp_path / "x.t7", ("nn.Sequential", {"modules": [linear, ("nn.Tanh", {})]}))
    )
    x = torch.randn(5, 3)
    torch.testing.assert_close(net.forward(x), torch.tanh(x @ weight.T + bias))
    assert isinstance(net, nn.Sequential) and isinstance(net.get(0), nn.Linear)
    table = load_lua(written(tmp_path / "y.t7", join))
    assert table.forward([torch.ones(1, 2), torch.ones(1, 3)]).shape == (1, 5)


def test_what_is_shared_stays_shared(tmp_path):
    data = struct.pack("<i", 3) + struct.pack("<ii", 1, 2)
    data += (
        struct.pack("<id", 1, 1)
        + struct.pack("<iii", 3, 2, 0)
        + struct.pack("<id", 1, 2)
        + struct.pack("<ii", 3, 2)
    )
    (tmp_path / "x.t7").write_bytes(data)
    first, second = load_lua(tmp_path / "x.t7")
    assert first is second == {} or first is second


def test_unknown_classes(tmp_path):
    path = written(tmp_path / "x.t7", ("cv.Image", {"width": 3}))
    with pytest.raises(T7ReaderException, match=r"holds a cv\.Image"):
        load_lua(path)
    found = load_lua(path, unknown_classes=True)
    assert (
        isinstance(found, TorchObject) and found.width == 3 and found.torch_typename == "cv.Image"
    )
    with pytest.raises(AttributeError):
        _ = found.height


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x00",
        struct.pack("<ii", 2, 10**9),
        struct.pack("<i", 77),
        struct.pack("<i", 6),
        struct.pack("<iii", 3, 1, 10**9),
        struct.pack("<ii", 4, 1)
        + text("V 1")
        + text("torch.FloatTensor")
        + struct.pack("<i", 10**6),
        struct.pack("<ii", 4, 1)
        + text("V 1")
        + text("torch.FloatStorage")
        + struct.pack("<q", 10**12),
        b"".join(struct.pack("<iiiid", 3, i, 1, 1, 1) for i in range(1, 2000)),
    ],
)
def test_broken_files_are_refused(tmp_path, data):
    (tmp_path / "x.t7").write_bytes(data)
    with pytest.raises(T7ReaderException, match="^load_lua: "):
        load_lua(tmp_path / "x.t7")


def test_a_tensor_outside_its_storage_is_refused(tmp_path):
    writer = Writer()
    storage = writer.object("torch.FloatStorage", struct.pack("<q2f", 2, 1, 2))
    body = struct.pack("<iqqq", 1, 5, 1, 1) + storage
    (tmp_path / "x.t7").write_bytes(writer.object("torch.FloatTensor", body))
    with pytest.raises(T7ReaderException, match="outside its storage"):
        load_lua(tmp_path / "x.t7")
