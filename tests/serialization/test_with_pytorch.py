"""PyTorch reads what torch.save wrote, and torch.load what PyTorch wrote."""

import collections

import pytest

import flambeau as torch

DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 "
    "float16 bfloat16 float32 float64 complex64 complex128"
).split()


def test_pytorch_reads_what_was_written(tmp_path):
    pytorch = pytest.importorskip("torch")
    state = collections.OrderedDict(
        (d, torch.tensor([[0, 1], [1, 1]]).to(getattr(torch, d))) for d in DTYPES
    )
    state["t"] = torch.arange(6).view(2, 3).t()
    state["p"] = torch.nn.Parameter(torch.ones(2))
    state["rest"] = [torch.float32, torch.device("cpu"), torch.Size([2]), 1, None, "text"]
    torch.save(state, tmp_path / "a.pt")
    for options in ({}, {"mmap": True}, {"weights_only": False}):
        got = pytorch.load(tmp_path / "a.pt", **options)
        for name in [*DTYPES, "t", "p"]:
            assert got[name].tolist() == state[name].tolist(), name
            assert str(got[name].dtype) == str(state[name].dtype)
            assert got[name].stride() == state[name].stride()
        assert isinstance(got["p"], pytorch.nn.Parameter)
        assert got["rest"] == [
            pytorch.float32,
            pytorch.device("cpu"),
            pytorch.Size([2]),
            1,
            None,
            "text",
        ]


def test_what_pytorch_wrote_is_read(tmp_path):
    pytorch = pytest.importorskip("torch")
    state = collections.OrderedDict(
        (d, pytorch.tensor([[0, 1], [1, 1]]).to(getattr(pytorch, d))) for d in DTYPES
    )
    state["view"] = pytorch.arange(6).view(2, 3).t()[1:]
    state["conj"] = pytorch.tensor([1 + 2j]).conj()
    state["p"] = pytorch.nn.Parameter(pytorch.ones(2))
    state["rest"] = [pytorch.float32, pytorch.device("cpu"), pytorch.Size([2]), {1}, None, "text"]
    pytorch.save(state, tmp_path / "a.pt")
    for options in ({}, {"mmap": True}, {"weights_only": False}):
        got = torch.load(tmp_path / "a.pt", **options)
        for name in [*DTYPES, "view", "conj", "p"]:
            assert got[name].tolist() == state[name].tolist(), name
            assert str(got[name].dtype) == str(state[name].dtype)
        assert type(got["p"]) is torch.nn.Parameter
        assert got["rest"][0] is torch.float32
        assert got["rest"][1:] == [torch.device("cpu"), torch.Size([2]), {1}, None, "text"]


def test_an_optimizer_written_by_pytorch_is_read(tmp_path):
    pytorch = pytest.importorskip("torch")
    model = pytorch.nn.Linear(2, 2)
    optimizer = pytorch.optim.Adam(model.parameters())
    model(pytorch.ones(1, 2)).sum().backward()
    optimizer.step()
    pytorch.save({"o": optimizer.state_dict(), "m": model.state_dict()}, tmp_path / "a.pt")
    got = torch.load(tmp_path / "a.pt")
    assert got["o"]["state"][0]["step"].item() == 1
    assert got["m"]["weight"].tolist() == model.weight.tolist()


def test_older_files_of_conjugates_and_sparse_tensors(tmp_path):
    pytorch = pytest.importorskip("torch")
    z = pytorch.tensor([1 + 2j, 3 + 4j])
    neg = z.clone().conj().imag
    data = {"conj": z.conj(), "neg": neg, "sparse": pytorch.eye(3).to_sparse()}
    pytorch.save(data, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    for options in ({}, {"weights_only": False}):
        got = torch.load(tmp_path / "a.pt", **options)
        assert got["conj"].tolist() == [1 - 2j, 3 - 4j] and got["neg"].tolist() == [-2.0, -4.0]
        assert got["sparse"].to_dense().tolist() == torch.eye(3).tolist()
