"""Whole modules in files: named as PyTorch names them, with nothing of our own in it."""

import io
import pickletools
import zipfile

import pytest

import flambeau as torch
from flambeau import nn


def globals_of(model):
    """The names that the file of a pickled model asks for."""
    file = io.BytesIO()
    torch.save(model, file)
    archive = zipfile.ZipFile(file)
    name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
    found = {arg for op, arg, _ in pickletools.genops(archive.read(name)) if op.name == "GLOBAL"}
    return {name.replace("flambeau", "torch", 1) for name in found}


@pytest.mark.parametrize(
    "make, home",
    [
        (lambda: nn.Sequential(), "container Sequential"),
        (lambda: nn.ModuleDict(), "container ModuleDict"),
        (lambda: nn.ParameterList(), "container ParameterList"),
        (lambda: nn.Embedding(2, 2), "sparse Embedding"),
        (lambda: nn.MultiheadAttention(2, 1), "activation MultiheadAttention"),
        (lambda: nn.LSTMCell(2, 2), "rnn LSTMCell"),
        (lambda: nn.Upsample(2), "upsampling Upsample"),
        (lambda: nn.PixelShuffle(2), "pixelshuffle PixelShuffle"),
        (lambda: nn.Unfold(2), "fold Unfold"),
        (lambda: nn.FractionalMaxPool2d(2, 3), "pooling FractionalMaxPool2d"),
    ],
)
def test_layers_are_named_as_pytorch_names_them(make, home):
    assert f"torch.nn.modules.{home}" in globals_of(make())


def test_no_type_of_our_own_is_asked_for():
    model = nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 3), nn.TransformerEncoderLayer(4, 2, 8))
    allowed = (
        "torch.nn.",
        "torch._utils",
        "torch Float",
        "collections OrderedDict",
        "__builtin__ set",
        "torch Long",
    )
    assert not [name for name in globals_of(model) if not name.startswith(allowed)]
    assert not [name for name in globals_of(model) if "registry" in name]


def test_a_loaded_module_is_whole():
    model, file = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    kinds = [nn.Sequential, nn.Linear, nn.BatchNorm1d]
    with torch.serialization.safe_globals(kinds):
        loaded = torch.load(file, weights_only=True)
    assert loaded[0].weight is loaded[0]._parameters["weight"]
    loaded[0].weight = nn.Parameter(torch.ones(3, 2))
    assert loaded[0]._parameters["weight"].sum() == 6
    assert torch.equal(loaded[1].running_var, model[1].running_var)
