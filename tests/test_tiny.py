"""Every floor once, in a few seconds: run this first."""

import importlib
import subprocess
import sys

import pytest

import flambeau as torch


def test_floor_1_core():
    x = torch.arange(6.0).view(2, 3)
    assert x.t().stride() == (1, 3)
    assert x.t()[1:].is_contiguous() is False
    assert x[:, 1].tolist() == [1, 4]
    assert (x + x.sum()).tolist() == [[15, 16, 17], [18, 19, 20]]


def test_floor_2_kernel_language():
    from flambeau.kernels import Map, exp

    silu = Map(lambda x: x / (1 + exp(-x)), "tiny_silu")
    address = silu.compile(["float32"], ["float32"], ["float32"], "cc")
    assert isinstance(address, int)
    assert address


def test_floor_3_operators():
    x = torch.tensor([-1.0, 0.0, 2.0])
    assert torch.relu(x).tolist() == [0, 0, 2]
    assert x.sum().item() == 1
    assert torch.softmax(x, 0).sum().item() == pytest.approx(1)
    assert torch.sort(x, descending=True).values.tolist() == [2, 0, -1]
    assert (torch.eye(2) @ torch.ones(2, 3)).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_floor_4_autograd():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x * x).sum().backward()
    assert x.grad.tolist() == [3, 12]
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [6, 12]


def test_floor_5_learning():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 64).view(64, 1)
    y = 3 * x - 1
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(100):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.weight.item() == pytest.approx(3, abs=1e-3)
    assert model.bias.item() == pytest.approx(-1, abs=1e-3)


def test_compiled_functions_and_flex_attention():
    from flambeau.nn.attention.flex_attention import flex_attention

    compiled = torch.compile(lambda x: (x * 2 + 1).relu())
    for _ in range(2):
        x = torch.tensor([-2.0, 3.0], requires_grad=True)
        compiled(x).sum().backward()
        assert compiled(x).tolist() == [0.0, 7.0] and x.grad.tolist() == [0.0, 2.0]
    q, k, v = torch.randn(3, 1, 2, 5, 4).unbind()
    found = flex_attention(q, k, v, score_mod=lambda score, b, h, i, j: score + (i - j))
    distance = torch.arange(5).unsqueeze(1) - torch.arange(5)
    expected = ((q @ k.mT) / 2 + distance).softmax(-1) @ v
    assert torch.allclose(found, expected, atol=1e-5)


def test_floor_6_libraries(tmp_path):
    from flambeau.utils.data import DataLoader
    from flambeau.vision.datasets import Digits

    images, labels = next(iter(DataLoader(Digits(), batch_size=16, shuffle=True)))
    assert images.shape == (16, 1, 8, 8)
    torch.save({"labels": labels}, tmp_path / "a.pt")
    assert torch.equal(torch.load(tmp_path / "a.pt")["labels"], labels)


def test_import_brings_nothing_heavy():
    heavy = (
        "numpy",
        "llvmlite",
        "scipy",
        "PIL",
        "matplotlib",
        "torch",
        "tqdm",
        "typing",
        "inspect",
    )
    program = f"import flambeau, sys; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True)
    assert answer.stdout == "[]\n", answer.stderr


def test_public_modules_can_be_imported():
    for name in ("nn", "nn.functional", "optim", "autograd", "utils.data", "vision", "kernels"):
        importlib.import_module(f"flambeau.{name}")
