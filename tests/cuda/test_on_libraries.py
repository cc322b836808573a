"""Calls of NVIDIA's libraries: stand-ins that a C compiler makes check each argument and compute on the simulated device."""

import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.ops.cuda.libraries import choice, cublaslt, cudnn, cusolver
from flambeau.ops.cuda.libraries.open import Failed, library

SOURCES = Path(__file__).parent / "stand_in"
COMPILER = shutil.which(os.environ.get("CC", "cc"))
F = torch.nn.functional

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


@pytest.fixture(scope="module", autouse=True)
def libraries(tmp_path_factory):
    """{name: the stand-in} of all three, found by the folder that a variable names."""
    folder, made = tmp_path_factory.mktemp("libraries"), {}
    for source, name in (("cublaslt", "cublasLt"), ("cudnn", "cudnn"), ("cusolver", "cusolver")):
        path = folder / f"lib{name}.so.12"
        command = [COMPILER, "-std=c11", "-O1", "-shared", "-fPIC", SOURCES / f"{source}.c"]
        subprocess.run([*command, "-o", path, "-lm"], check=True)
        made[name] = ctypes.CDLL(str(path))
        made[name].stand_in_connect(*map(ctypes.c_void_p, _core._cuda_stand_in_entries()))
    os.environ["FLAMBEAU_CUDA_LIBRARIES"] = str(folder)
    os.environ["FLAMBEAU_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    library.cache_clear()
    yield made
    del os.environ["FLAMBEAU_CUDA_LIBRARIES"]
    library.cache_clear()


class Always:
    """A table that has the same answer for every call."""

    def __init__(self, way):
        self.way, self.known = way, self

    def get(self, key):
        return self.way


@pytest.fixture
def chosen(monkeypatch, libraries):
    """What the libraries take they do; no fault has been found in the end."""
    monkeypatch.setattr(
        choice,
        "table",
        lambda kind, *facts: Always({"product": "cublaslt", "convolution": "cudnn"}[kind]),
    )
    torch.cuda.synchronize()
    before = {name: one.stand_in_calls() for name, one in libraries.items()}
    yield lambda name: libraries[name].stand_in_calls() - before[name]
    assert all(one.stand_in_faults() == 0 for one in libraries.values())


TOLERANCES = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-5, "complex64": 1e-5}


@pytest.mark.parametrize("name", "float16 bfloat16 float32 float64 complex64 complex128".split())
def test_products_of_every_dtype_and_layout(name, chosen):
    dtype, tolerance = getattr(torch, name), TOLERANCES.get(name, 1e-12)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    a, b = torch.randn(5, 7, dtype=wide).to(dtype), torch.randn(7, 3, dtype=wide).to(dtype)
    expected = (a.to(wide) @ b.to(wide)).to(dtype)
    turned = lambda t: t.cuda().t().contiguous().t()
    for left in (a.cuda(), turned(a)):
        for right in (b.cuda(), turned(b)):
            found = left @ right
            torch.cuda.synchronize()
            torch.testing.assert_close(found.cpu(), expected, rtol=tolerance, atol=tolerance)
    out = torch.empty(3, 5, dtype=dtype, device="cuda").t()
    torch.mm(a.cuda(), b.cuda(), out=out)
    torch.testing.assert_close(out.cpu(), expected, rtol=tolerance, atol=tolerance)
    assert chosen("cublasLt") == 5


def test_products_of_stacks_vectors_and_sums(chosen):
    a, b = torch.randn(4, 5, 7), torch.randn(4, 7, 3)
    near = lambda x, y: torch.testing.assert_close(x.cpu(), y, rtol=1e-5, atol=1e-5)
    near(torch.bmm(a.cuda(), b.cuda()), torch.bmm(a, b))
    near(torch.bmm(a.cuda(), b[:1].cuda().expand(4, 7, 3)), torch.bmm(a, b[:1].expand(4, 7, 3)))
    near(torch.bmm(a.mT.cuda(), a.cuda()), torch.bmm(a.mT, a))
    near(a[0].cuda() @ b[0, :, :1].cuda(), a[0] @ b[0, :, :1])
    near(a[0, :1].cuda() @ b[0].cuda(), a[0, :1] @ b[0])
    near(a[0, :, ::2].cuda() @ b[0, ::2].cuda(), a[0, :, ::2] @ b[0, ::2])  # columns apart: ours
    c = torch.randn(5, 3)
    near(torch.addmm(c.cuda(), a[0].cuda(), b[0].cuda(), beta=0.5, alpha=2),
         torch.addmm(c, a[0], b[0], beta=0.5, alpha=2))  # fmt: skip
    assert chosen("cublasLt") >= 6


def test_what_the_heuristic_is_told(libraries, chosen):
    stand_in = libraries["cublasLt"]
    stand_in.stand_in_most.restype = ctypes.c_uint64
    a = torch.randn(9, 8, device="cuda")
    a[1:, 1:] @ a[:7, :]
    torch.cuda.synchronize()
    # out.T = b.T @ a.T: the first matrix is b, which begins a block; the second begins in the middle of a row.
    assert stand_in.stand_in_alignment(0) == 256 and stand_in.stand_in_alignment(1) == 4
    major = torch.cuda.get_device_properties(0).major
    assert stand_in.stand_in_most() == (32 << 20 if major == 9 else 4 << 20)
    assert stand_in.stand_in_compute() == 68
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        a @ a.t()
        assert stand_in.stand_in_compute() == 77
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def test_products_keep_the_order_of_their_stream(chosen):
    x = torch.eye(4, device="cuda")
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        made = (x + 1) @ x  # the stand-in runs in this stream's queue, behind the sum
        stream.synchronize()
        assert chosen("cublasLt") == 1
    assert made.sum().item() == 4 + 16


def test_a_graph_replays_a_product(chosen):
    x, y = torch.ones(3, 3, device="cuda"), torch.eye(3, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = x @ y
    x.fill_(2)
    graph.replay()
    assert out.sum().item() == 18


def test_a_status_is_an_error_with_its_name(libraries, chosen):
    a = torch.randn(3, 3, device="cuda")
    libraries["cublasLt"].stand_in_fail(14)
    with pytest.raises(
        Failed, match=r"cublasLtMatmul failed with CUBLAS_STATUS_INTERNAL_ERROR \(14\)"
    ):
        a @ a


CONVOLUTIONS = {
    "plain": (torch.nn.Conv2d, (2, 4, 6, 5), dict(padding=1)),
    "stepped": (torch.nn.Conv2d, (2, 4, 7, 5), dict(stride=2, padding=1, dilation=(1, 2))),
    "groups": (torch.nn.Conv2d, (2, 4, 6, 5), dict(groups=2)),
    "line": (torch.nn.Conv1d, (2, 4, 8), dict(stride=2, padding=2)),
    "space": (torch.nn.Conv3d, (1, 4, 4, 3, 5), dict(padding=1)),
    "transposed": (torch.nn.ConvTranspose2d, (2, 4, 3, 4), dict(stride=2, output_padding=1, padding=1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_and_their_gradients(name, chosen):
    layer, sizes, options = CONVOLUTIONS[name]
    here = layer(4, 6, 3, **options)
    there = layer(4, 6, 3, **options).cuda()
    there.load_state_dict(here.state_dict())
    x = torch.randn(sizes)
    found = []
    for module in (here, there):
        given = x.clone().to(module.weight.device).requires_grad_()
        out = module(given)
        (
            out * torch.arange(out.numel(), device=out.device).reshape(out.shape).cos()
        ).sum().backward()
        found.append([out, given.grad, module.weight.grad, module.bias.grad])
    for a, b in zip(*found):
        torch.testing.assert_close(b.cpu(), a, rtol=1e-4, atol=1e-4)
    assert chosen("cudnn") == 3


def test_convolutions_of_half_and_double(libraries, chosen):
    for dtype, math, tolerance in (
        (torch.float16, 1, 1e-2),
        (torch.float64, 3, 1e-10),
        (torch.float32, 0, 1e-4),  # which cuDNN may round to tf32
    ):
        x, w = torch.randn(1, 2, 5, 5).to(dtype), torch.randn(3, 2, 3, 3).to(dtype)
        found = F.conv2d(x.cuda(), w.cuda())
        torch.testing.assert_close(
            found.cpu().double(), F.conv2d(x.double(), w.double()), rtol=tolerance, atol=tolerance
        )
        assert libraries["cudnn"].stand_in_math() == math
    assert torch.backends.cudnn.allow_tf32
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = F.conv2d(x.cuda(), w.cuda())
    assert libraries["cudnn"].stand_in_math() == 3 and torch.backends.cudnn.allow_tf32


def test_the_switch_of_cudnn_is_heard(chosen):
    cudnn_switches = torch.backends.cudnn
    assert cudnn_switches.is_available() and cudnn_switches.version() == 90500
    x, w = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    for enabled in (False, True):
        with cudnn_switches.flags(enabled=enabled):
            assert cudnn_switches.enabled is cudnn_switches.is_acceptable(x.cuda()) is enabled
            found = F.conv2d(x.cuda(), w.cuda())
            torch.testing.assert_close(found.cpu(), F.conv2d(x, w), rtol=1e-4, atol=1e-4)
        assert chosen("cudnn") == enabled


LARGE = 110  # beyond what a block of threads keeps of float32


def system(dtype=torch.float32):
    torch.manual_seed(1)
    a = torch.randn(LARGE, LARGE, dtype=dtype)
    return a, a @ a.mT + LARGE * torch.eye(LARGE, dtype=dtype), torch.randn(LARGE, 2, dtype=dtype)


def test_factorizations_of_large_matrices(chosen):
    a, definite, b = system()
    linalg = torch.linalg
    near = lambda x, y: torch.testing.assert_close(x.cpu(), y, rtol=2e-3, atol=2e-3)
    near(linalg.cholesky(definite.cuda()), linalg.cholesky(definite))
    assert linalg.cholesky_ex(-definite.cuda()).info.item() == 1
    near(linalg.solve(definite.cuda(), b.cuda()), linalg.solve(definite, b))
    P, L, U = linalg.lu(a.cuda())
    near(P @ L @ U, a)
    near(linalg.slogdet(definite.cuda()).logabsdet, linalg.slogdet(definite).logabsdet)
    values, vectors = linalg.eigh(definite.cuda())
    near(values, linalg.eigh(definite)[0])
    near(vectors @ torch.diag(values) @ vectors.mT, definite)
    tall = a[:, :60].repeat(3, 1)
    for matrix in (tall, tall.mT):
        U, S, Vh = linalg.svd(matrix.cuda(), full_matrices=False)
        near(S, linalg.svdvals(matrix))
        near(U @ torch.diag(S) @ Vh, matrix)
    assert chosen("cusolver") >= 8


def test_gradient_of_a_large_system(chosen):
    _, definite, b = system()
    found = []
    for device in ("cpu", "cuda"):
        leaves = [t.to(device).detach().clone().requires_grad_() for t in (definite, b)]
        torch.linalg.solve(*leaves).square().sum().backward()
        found.append([t.grad.cpu() for t in leaves])
    for x, y in zip(*found):
        torch.testing.assert_close(y, x, rtol=1e-2, atol=1e-4)


def test_a_choice_is_measured_once_and_kept(tmp_path):
    path, ran = tmp_path / "choices" / "x.json", []
    ways = {"slow": lambda: ran.append("slow"), "fast": lambda: ran.append("fast")}
    times = iter([3.0, 1.0])
    table = choice.Table(str(path))
    table._time = lambda run, index: (run(), next(times))[1]
    assert table.choose("key", ways, 0) == "fast" and ran == ["slow", "fast"]
    assert table.choose("key", ways, 0) == "fast" and len(ran) == 2
    assert json.loads(path.read_text()) == {"key": "fast"}
    assert choice.Table(str(path)).choose("key", ways, 0) == "fast" and len(ran) == 2
    path.write_text("[not json")
    assert choice.Table(str(path)).known == {}


def test_the_first_product_measures_both_ways(libraries):
    choice.table.cache_clear()
    before = libraries["cublasLt"].stand_in_calls()
    a = torch.randn(5, 5)
    b = a.cuda() @ a.cuda()
    torch.testing.assert_close(b.cpu(), a @ a, rtol=1e-5, atol=1e-5)
    known = choice.table("product", 0, cublaslt.lt().version).known
    assert set(known.values()) <= {"cublaslt", "own"} and len(known) == 1
    assert libraries["cublasLt"].stand_in_calls() - before >= choice.REPEATS


def test_without_libraries_everything_works(monkeypatch):
    monkeypatch.setenv("FLAMBEAU_CUDA_LIBRARIES", "off")
    library.cache_clear()
    try:
        assert cublaslt.lt() is None and cudnn.dnn() is None and cusolver.solver() is None
        a, definite, b = system()
        torch.testing.assert_close((a.cuda() @ a.cuda()).cpu(), a @ a, rtol=1e-4, atol=1e-4)
        found = torch.cholesky_solve(b.cuda(), torch.linalg.cholesky(definite.cuda()))
        torch.testing.assert_close(
            found.cpu(), torch.linalg.solve(definite, b), rtol=1e-3, atol=1e-5
        )
    finally:
        library.cache_clear()
