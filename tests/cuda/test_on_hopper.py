"""Products by wgmma, which only Hopper has: the simulated GPU is taken for one, and holds its rules."""

import pytest

import flambeau as torch
from flambeau.kernels.gpu import hopper, text_of
from flambeau.kernels.interpret.ptx import Fault, Module
from flambeau.ops.cuda import product


@pytest.fixture
def on_hopper(monkeypatch):
    monkeypatch.setattr(product, "is_hopper", lambda index: True)
    monkeypatch.setattr(product, "_LARGE", 0)


@pytest.mark.parametrize("name, tolerance", [("float16", 0.02), ("bfloat16", 0.2)])
def test_products_of_tiles(name, tolerance, on_hopper):
    dtype = getattr(torch, name)
    # parts of tiles in all three dims; lines along and across the depth
    a, b = torch.randn(136, 72).to(dtype), torch.randn(72, 136).to(dtype)
    expected = a.double() @ b.double()
    turned = a.cuda().t().contiguous().t()
    for left in (a.cuda(), turned):
        found = (left @ b.cuda()).cpu().double()
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    added = torch.addmm(
        torch.ones(136, 136, dtype=dtype).cuda(), turned, b.cuda(), beta=2, alpha=0.5
    )
    torch.testing.assert_close(added.cpu().double(), 2 + expected / 2, rtol=0, atol=tolerance)


def kernel_without(*pieces):
    arguments = "float16", "k", "k", False, (True, True)
    text = text_of(
        "matmul",
        "\n".join(map(str, ("hopper", *arguments))),
        lambda: hopper.write(*arguments),
        "sm_90a",
    )
    for piece in pieces:
        assert piece in text
        text = text.replace(piece, "")
    return text


@pytest.mark.parametrize(
    "piece, fault",
    [
        (
            "wgmma.wait_group.sync.aligned 0;",
            "before wgmma's sums are waited for|are not waited for",
        ),
        ("wgmma.fence.sync.aligned;", "wgmma without wgmma.fence"),
    ],
)
def test_sums_are_fenced_and_waited_for(piece, fault):
    Module(kernel_without()).code("matmul")
    with pytest.raises(Fault, match=fault):
        Module(kernel_without(piece)).code("matmul")


def test_what_threads_write_is_shown_to_the_tiles(on_hopper, monkeypatch):
    from flambeau import _core

    load = _core._cuda_function
    broken = lambda text, index: load(text.replace("fence.proxy.async.shared::cta;", ""), index)
    monkeypatch.setattr(_core, "_cuda_function", broken)
    monkeypatch.setattr("flambeau.ops.cuda.launch._functions", {})
    a = torch.ones(128, 64, dtype=torch.float16, device="cuda")
    with pytest.raises(RuntimeError, match="written without fence.proxy.async"):
        (a @ a.t()).cpu()
