"""SummaryWriter: what it writes, read back from the event files."""

import struct
import subprocess
import sys

import pytest

import flambeau as torch
from flambeau.utils.tensorboard import SummaryWriter

try:
    from flambeau.utils.tensorboard.library import package, proto

    package()
except ImportError:
    pytest.skip("neither tensorboard nor tensorboardX is installed", allow_module_level=True)


def events(folder):
    """The events of all files in a folder and below, in order of their names."""
    Event = proto("event").Event

    found = []
    for path in sorted(folder.rglob("*tfevents*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack("<Q", data[place : place + 8])
            event = Event()
            event.ParseFromString(data[place + 12 : place + 12 + length])
            found.append(event)
            place += length + 16
    return found


def values(folder):
    return [(event.step, value) for event in events(folder) for value in event.summary.value]


@pytest.fixture
def writer(tmp_path):
    with SummaryWriter(tmp_path) as made:
        yield made


KINDS = [
    1,
    0.5,
    torch.tensor(2.0),
    torch.tensor([3.0], requires_grad=True),
    torch.tensor(4, dtype=torch.int64),
    torch.tensor(1.5, dtype=torch.bfloat16),
    torch.tensor(2.5, dtype=torch.float16),
    torch.nn.Parameter(torch.tensor(6.0)),
]


def test_scalars_of_all_kinds(writer, tmp_path):
    for step, value in enumerate(KINDS):
        writer.add_scalar("plain", value, step)
        writer.add_scalar("exact", value, step, double_precision=True)
        writer.add_scalar("new", value, global_step=step, new_style=True)
    writer.flush()
    found = {}
    for step, value in values(tmp_path):
        number = value.simple_value or [*value.tensor.double_val, *value.tensor.float_val][0]
        found.setdefault(value.tag, []).append((step, number))
    expected = [(step, float(value)) for step, value in enumerate(KINDS)]
    assert found == dict.fromkeys(("plain", "exact", "new"), expected)


def test_groups_of_scalars_are_runs_of_their_own(writer, tmp_path):
    writer.add_scalars("loss", {"train": torch.tensor(1.0), "test": 2.0}, 5)
    writer.flush()
    assert (tmp_path / "loss_train").is_dir()
    assert sorted((step, value.tag, value.simple_value) for step, value in values(tmp_path)) == [
        (5, "loss", 1),
        (5, "loss", 2),
    ]


def test_histograms_and_tensors(writer, tmp_path):
    numbers = torch.randn(1000, requires_grad=True)
    writer.add_histogram("h", numbers, 3)
    writer.add_histogram("auto", [1.0, 2.0, 2.0], 3, bins="auto")
    writer.add_histogram_raw("raw", 0, 2, 3, 4.0, 5.0, torch.tensor([1.0, 2.0]), [1, 2], 3)
    writer.add_tensor("t", torch.arange(6).view(2, 3), 3)
    writer.flush()
    h, auto, raw, t = (value for _, value in values(tmp_path))
    assert h.histo.num == 1000 and h.histo.min == pytest.approx(numbers.min().item())
    assert auto.histo.num == 3
    assert list(raw.histo.bucket) == [1, 2]
    assert list(t.tensor.int64_val) == [*range(6)]
    assert [dim.size for dim in t.tensor.tensor_shape.dim] == [2, 3]


def test_pictures(writer, tmp_path):
    pytest.importorskip("PIL")
    writer.add_image("chw", torch.rand(3, 4, 5, requires_grad=True))
    writer.add_image("hw", torch.rand(4, 5).bfloat16(), dataformats="HW")
    writer.add_images("batch", torch.randint(256, (2, 3, 4, 5), dtype=torch.uint8))
    writer.add_images("list", [torch.rand(3, 4, 5)] * 3, dataformats="CHW")
    writer.add_image_with_boxes(
        "boxes", torch.rand(3, 40, 50), torch.tensor([[1, 2, 30, 30]]), rescale=2, labels="it"
    )
    writer.flush()
    sizes = {value.tag: (value.image.height, value.image.width) for _, value in values(tmp_path)}
    assert sizes == {
        "chw": (4, 5),
        "hw": (4, 5),
        "batch": (4, 10),
        "list": (4, 15),
        "boxes": (80, 100),
    }


def test_figures(writer, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(2, 1), dpi=50)
    writer.add_figure("f", figure, 1)
    writer.flush()
    ((_, value),) = values(tmp_path)
    assert (value.image.height, value.image.width) == (50, 100)
    assert not pyplot.fignum_exists(figure.number)


def test_sounds_are_wav_files(writer, tmp_path):
    tone = torch.sin(torch.arange(100) / 5)
    for tag, sound in (
        ("mono", tone),
        ("row", tone[None]),
        ("stereo", torch.stack([tone, tone], 1)),
    ):
        writer.add_audio(tag, sound, sample_rate=8000)
    writer.flush()
    found = [(v.audio.num_channels, v.audio.length_frames) for _, v in values(tmp_path)]
    assert found == [(1, 100), (1, 100), (2, 100)]
    assert all(v.audio.encoded_audio_string.startswith(b"RIFF") for _, v in values(tmp_path))
    with pytest.raises(AssertionError, match="1 or 2 channels"):
        writer.add_audio("wrong", torch.ones(4, 5, 6))


def test_texts_curves_layouts_and_meshes(writer, tmp_path):
    writer.add_text("t", "**bold**", 2)
    writer.add_pr_curve(
        "pr", torch.tensor([0, 1, 1]), torch.tensor([0.1, 0.6, 0.9], requires_grad=True), 1
    )
    counts = torch.ones(5)
    writer.add_pr_curve_raw(
        "raw", counts, counts, counts, counts, counts, counts, 1, num_thresholds=5
    )
    writer.add_custom_scalars({"a": {"b": ["Multiline", ["x", "y"]]}})
    writer.add_custom_scalars_multilinechart(["x", "y"])
    writer.add_custom_scalars_marginchart(["x", "y", "z"])
    writer.add_mesh(
        "m",
        torch.rand(1, 4, 3),
        torch.zeros(1, 4, 3, dtype=torch.int64),
        torch.tensor([[[0, 1, 2]]]),
    )
    writer.flush()
    tags = [value.tag for _, value in values(tmp_path)]
    assert tags[:3] == ["t/text_summary", "pr", "raw"]
    assert tags.count("custom_scalars__config__") == 3 and any(tag.startswith("m") for tag in tags)


def test_settings_and_what_they_reached(writer, tmp_path):
    HParamsPluginData = proto("plugin_hparams").HParamsPluginData

    settings = {"lr": torch.tensor(0.5), "name": "sgd", "deep": True, "none": None}
    writer.add_hparams(
        settings, {"accuracy": torch.tensor(0.75)}, {"lr": [0.25, 0.5]}, run_name="first"
    )
    found = dict((value.tag, value) for _, value in values(tmp_path / "first"))
    assert found["accuracy"].simple_value == 0.75
    data = HParamsPluginData()
    data.ParseFromString(found["_hparams_/experiment"].metadata.plugin_data.content)
    assert [info.name for info in data.experiment.hparam_infos] == ["lr", "name", "deep"]
    assert list(data.experiment.hparam_infos[0].domain_discrete) == [0.25, 0.5]
    for wrong, error in (
        (({"a": [1]}, {}), ValueError),
        (({"a": 1}, {}, {"b": [1]}), ValueError),
        (({"a": 1}, {}, {"a": ["x"]}), ValueError),
        (([], {}), TypeError),
    ):
        with pytest.raises(error, match="^hparams: "):
            writer.add_hparams(*wrong)


def test_the_graph_of_a_model(writer, tmp_path, capsys):
    GraphDef = proto("graph").GraphDef

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(inplace=True))
            self.head = torch.nn.Linear(3, 2)

        def forward(self, x, y):
            return self.head(self.body(x) + y)

    writer.add_graph(Net(), [torch.ones(5, 4), torch.ones(5, 3)], verbose=True)
    writer.flush()
    assert "linear" in capsys.readouterr().out
    (made,) = [event.graph_def for event in events(tmp_path) if event.graph_def]
    graph = GraphDef()
    graph.ParseFromString(made)
    nodes = {node.name: node for node in graph.node}
    linear = nodes["Net/Sequential[body]/Linear[0]/linear"]
    assert list(linear.input) == ["input/input.0", "Net/body/0/weight", "Net/body/0/bias"]
    shape = linear.attr["_output_shapes"].list.shape[0]
    assert [dim.size for dim in shape.dim] == [5, 3]
    (addition,) = [node for node in graph.node if node.op in ("add", "__add__")]
    assert list(addition.input) == ["Net/Sequential[body]/ReLU[1]/relu", "input/input.1"]
    assert list(nodes["output/output.0"].input) == ["Net/Linear[head]/linear"]
    assert all(source.partition(":")[0] in nodes for node in graph.node for source in node.input)
    with pytest.raises(ValueError, match="needs input_to_model"):
        writer.add_graph(Net())


def test_embeddings(writer, tmp_path):
    pytest.importorskip("PIL")
    points = torch.randn(4, 3, requires_grad=True)
    writer.add_embedding(points, torch.arange(4), torch.rand(4, 3, 8, 8), 7, "words")
    folder = tmp_path / "00007" / "words"
    assert len((folder / "tensors.tsv").read_text().splitlines()) == 4
    assert (folder / "metadata.tsv").read_text().split() == list("0123")
    assert (folder / "sprite.png").exists()
    assert "words" in (tmp_path / "projector_config.pbtxt").read_text()


def test_what_is_not_installed_is_named(writer, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'flambeau\[vision\]'"):
        writer.add_image("i", torch.rand(3, 2, 2))
    with pytest.raises(NotImplementedError, match="add_graph"):
        writer.add_onnx_graph("x.onnx")


def test_videos_are_gifs(writer, tmp_path):
    pytest.importorskip("PIL")
    writer.add_video("v", torch.rand(2, 3, 3, 8, 6), fps=10)
    writer.flush()
    ((_, value),) = values(tmp_path)
    assert value.image.encoded_image_string.startswith(b"GIF8")
    assert (value.image.height, value.image.width) == (8, 12)


def test_curves_of_precision(writer, tmp_path):
    writer.add_pr_curve(
        "pr", torch.tensor([1, 0, 1, 0]), torch.tensor([0.9, 0.8, 0.3, 0.1]), num_thresholds=11
    )
    writer.flush()
    ((_, value),) = values(tmp_path)
    true, false, _, missed, precision, recall = torch.tensor(list(value.tensor.float_val)).view(
        6, 11
    )
    assert true.tolist() == [2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0] and missed.tolist()[-1] == 2
    assert false.tolist()[:3] == [2, 2, 1] and precision[5] == 0.5 and recall[0] == 1


def test_a_record_has_the_checksums_of_tensorflow():
    from flambeau.utils.tensorboard.summary import _checksum

    assert (
        _checksum(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    )


def test_files_and_folders(tmp_path):
    writer = SummaryWriter(tmp_path / "run", filename_suffix=".end", purge_step=3)
    assert writer.get_logdir() == writer.log_dir == str(tmp_path / "run")
    writer.add_scalar("a", 1.0, 4, walltime=12.5)
    writer.close()
    assert writer.file_writer is None
    (path,) = (tmp_path / "run").iterdir()
    assert path.name.endswith(".end")
    assert [event.wall_time for event in events(tmp_path) if event.summary.value] == [12.5]
    writer.add_scalar("a", 2.0, 5)  # opens another file
    writer.close()
    assert [value.simple_value for _, value in values(tmp_path)] == [1, 2]


def test_pytorch_is_not_loaded(tmp_path):
    program = (
        "import sys, flambeau\n"
        "from flambeau.utils.tensorboard import SummaryWriter\n"
        f"SummaryWriter({str(tmp_path)!r}).close()\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
