"""Products by wgmma, which only Hopper has: the simulated GPU is taken for one, and holds its rules."""

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.kernels.gpu import hopper, text_of
from flambeau.kernels.interpret.ptx import Fault, Module
from flambeau.ops.cuda import attention, product


@pytest.fixture
def on_hopper(monkeypatch):
    monkeypatch.setattr(product, "is_hopper", lambda index: True)
    monkeypatch.setattr(product, "_LARGE", 0)
    monkeypatch.setattr(attention, "is_hopper", lambda index: True)


@pytest.mark.parametrize("name, tolerance", [("float16", 0.05), ("bfloat16", 0.3)])
def test_products_of_tiles(name, tolerance, on_hopper):
    dtype = getattr(torch, name)
    # parts of tiles in all three dims; lines along and across the depth
    a, b = torch.randn(136, 200).to(dtype), torch.randn(200, 264).to(dtype)
    expected = a.double() @ b.double()
    turned = a.cuda().t().contiguous().t()
    for left in (a.cuda(), turned):
        found = (left @ b.cuda()).cpu().double()
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    added = torch.addmm(
        torch.ones(136, 264, dtype=dtype).cuda(), turned, b.cuda(), beta=2, alpha=0.5
    )
    torch.testing.assert_close(added.cpu().double(), 2 + expected / 2, rtol=0, atol=tolerance)


def kernel(change=lambda text: text):
    arguments = "float16", "k", "k", False, True
    text = text_of(
        "matmul",
        "\n".join(map(str, ("hopper", *arguments))),
        lambda: hopper.write(*arguments),
        "sm_90a",
    )
    return change(text)


def without(piece, instead=""):
    """A change of a kernel's text."""

    def change(text):
        assert piece in text
        return text.replace(piece, instead)

    return change


@pytest.mark.parametrize(
    "piece, fault",
    [
        ("wgmma.wait_group.sync.aligned 0;", "wgmma's sums are waited for|are not waited for"),
        ("wgmma.fence.sync.aligned;", "wgmma without wgmma.fence"),
    ],
)
def test_sums_are_fenced_and_waited_for(piece, fault):
    Module(kernel()).code("matmul")
    with pytest.raises(Fault, match=fault):
        Module(kernel(without(piece))).code("matmul")


def product_with(change, monkeypatch):
    """Whether a product of six tiles of depth is right when the kernel's text is changed."""
    load = _core._cuda_function
    changed = lambda text, *more: load(change(text), *more)
    monkeypatch.setattr(_core, "_cuda_function", changed)
    monkeypatch.setattr("flambeau.ops.cuda.launch._functions", {})
    a = torch.randn(128, 384).half()
    found = (a.cuda() @ a.cuda().t()).cpu().double()
    return torch.allclose(found, a.double() @ a.double().t(), rtol=0, atol=0.3)


def test_what_threads_write_is_shown_to_the_tiles(on_hopper, monkeypatch):
    with pytest.raises(RuntimeError, match="written without fence.proxy.async"):
        product_with(without("fence.proxy.async.shared::cta;"), monkeypatch)


def test_threads_meet_before_they_read_what_others_brought(on_hopper, monkeypatch):
    with pytest.raises(RuntimeError, match="shared memory"):
        product_with(without("bar.sync 0;"), monkeypatch)


@pytest.mark.parametrize(
    "piece, instead",
    [
        ("cp.async.wait_group 1;", "cp.async.wait_group 2;"),  # a tile is read before it is there
        ("wgmma.wait_group.sync.aligned 1;", ""),  # and overwritten while it is multiplied
    ],
)
def test_tiles_are_waited_for(piece, instead, on_hopper, monkeypatch):
    assert product_with(lambda text: text, monkeypatch)
    try:
        right = product_with(without(piece, instead), monkeypatch)
    except RuntimeError as error:
        assert "shared memory" in str(error)
    else:
        assert not right


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("T, S, E, V", [(140, 70, 64, 64), (70, 200, 40, 72), (130, 260, 128, 8)])
def test_attention(T, S, E, V, causal, on_hopper, monkeypatch):
    launched = []
    launch = attention._Call.launch_on_hopper
    monkeypatch.setattr(
        attention._Call,
        "launch_on_hopper",
        lambda call, kind, *more: (launched.append(kind), launch(call, kind, *more)),
    )
    # scores far below 0, beside which what is not there would count
    given = [torch.randn(2, n, w).half() for n, w in ((T, E), (S, E), (S, V))]
    given[0][:, :5] *= 40
    grad = torch.randn(2, T, V).half()

    def run(device, dtype):
        leaves = [t.to(device, dtype).detach().requires_grad_() for t in given]
        out = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=causal)
        out.backward(grad.to(device, dtype))
        return [out.detach(), *(t.grad for t in leaves)]

    for there, here in zip(run("cuda", torch.float16), run("cpu", torch.float32), strict=True):
        torch.testing.assert_close(there.cpu().float(), here, rtol=0.02, atol=0.05)
    assert launched == ["forward", "query", "key", "value"]
