"""Every form of a kernel for GPUs, assembled by NVIDIA's ptxas where it is installed (PyPI: nvidia-cuda-nvcc)."""

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from flambeau.kernels import language as k
from flambeau.kernels.gpu import (
    attention,
    attention_cores,
    attention_hopper,
    boxes,
    ctc,
    gamma,
    grid,
    hopper,
    index,
    jacobi,
    linalg,
    order,
    product,
    recurrent,
    reduce,
    rows,
    scan,
    search,
    tensor_cores,
    windows,
)
from flambeau.kernels.gpu import map as gpu_map
from flambeau.kernels.schedules import reductions
from flambeau.kernels.schedules.map import Map
from flambeau.kernels.schedules.row_functions import layer_norm, softmax
from flambeau.kernels.targets import ptx

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


@functools.cache
def ptxas():
    found = shutil.which("ptxas")
    if found is None:
        import importlib.util

        package = importlib.util.find_spec("nvidia")
        for folder in package.submodule_search_locations if package else ():
            found = next((str(p) for p in Path(folder).rglob("bin/ptxas")), found)
    return found


def of_reduction(reduction, stage="full", letters="b"):
    dtypes = ("float32",) + ("float64",) * reduction.n_params
    outputs = ("float32",) * (
        reduction.n_out if stage != "partial" else len(reduction.state_dtypes(dtypes))
    )
    return lambda: reduce.write(
        reduction, reduction._variant(dtypes, None, outputs, "g", stage), letters
    )


def of_map(fn, dtypes, letters):
    return lambda: gpu_map.write(Map(fn), dtypes[1:], dtypes[1:], dtypes[:1], letters)


FORMS = {
    "map_flat": of_map(lambda x, y: k.sin(x) + y, ("float32",) * 3, "ccv0"),
    "map_3d": of_map(lambda x, y: k.exp(x) * y, ("float64",) * 3, "cgs3"),
    "map_complex": of_map(lambda x: k.exp(x), ("complex64",) * 2, "cc0"),
    "map_vectors": of_map(lambda x, y: k.exp(x) * y, ("bfloat16", "bfloat16", "float32"), "cccV0"),
    "map_lines": of_map(lambda x, y: k.exp(x) * y, ("float32", "bfloat16", "float32"), "ccsVN2"),
    "map_complex_vectors": of_map(lambda x: k.exp(x), ("complex64",) * 2, "ccV0"),
    "sum": of_reduction(reductions.sum_),
    "sum_threads": of_reduction(reductions.sum_, letters="tN"),
    "sum_line": of_reduction(reductions.sum_, letters="b1"),
    "sum_partial": of_reduction(reductions.sum_, "partial", "t1"),
    "sum_combine": of_reduction(reductions.sum_, "combine"),
    "var": of_reduction(reductions.var),
    "argmax": of_reduction(reductions.argmax),
    "softmax": lambda: rows.write(
        softmax, softmax._variant(("float32",), "vv", ("float32",), None), "ppa"
    ),
    "layer_norm": lambda: rows.write(
        layer_norm,
        layer_norm._variant(
            ("float16", "float32"), "vxxvx", ("float16", "float32", "float32"), None
        ),
        "ppppvc",
    ),
    "take": lambda: index.write_take(4, 2, 1),
    "take_16": lambda: index.write_take(16, 3, 2),
    "check": index.write_check,
    "segments": lambda: index.write_segments("float32", "add", True),
    "compact": index.write_compact,
    "merge": order.write,
    "cumsum": lambda: scan.write("sum", "float32", "float32"),
    "cummax": lambda: scan.write("maximum", "float64", "float64"),
    **{
        f"product_{dtype}": lambda dtype=dtype: product.write(dtype, "k", "r", True)
        for dtype in "float32 float64 float16 bfloat16 int64 complex64".split()
    },
    "classes": index.write_classes,
    "windows": lambda: windows.write_sums("bfloat16"),
    "maxima_steps": lambda: windows.write_steps("bfloat16", True),
    "maxima_steps_backward": lambda: windows.write_steps_backward("float32"),
    "maxima": lambda: windows.write_maxima("float64", True),
    "bags": lambda: windows.write_rows("float32", True, True, True),
    "lstm": lambda: recurrent.write_forward("float32", True, True),
    "lstm_backward": lambda: recurrent.write_backward("float64"),
    "search": lambda: search.write_search(True),
    "map_list": of_map(lambda x, y, z: x * y + z, ("float32",) * 4, "cccvL60"),
    "grid": lambda: grid.write("float32", 3, "bilinear", "reflection", False, True),
    "grid_bicubic": lambda: grid.write("float64", 2, "bicubic", "border", True, True),
    "lcm": lambda: search.write_divisors(True),
    "order_of_pivots": linalg.write_order,
    "jacobi": lambda: jacobi.write("float32", jacobi.size_for("float32", 60, 60)),
    "jacobi_double": lambda: jacobi.write("float64", jacobi.size_for("float64", 40, 40)),
    "triangular": lambda: linalg.write_triangular("float32", 1024, True, False),
    **{
        f"{kind}_{dtype}": lambda kind=kind, dtype=dtype: getattr(linalg, f"write_{kind}")(
            dtype, linalg.capacity(dtype, 4500)
        )
        for kind in ("cholesky", "lu", "qr")
        for dtype in ("float32", "float64")
    },
    **{
        f"attention_{kind}": lambda kind=kind: attention.write(
            kind, "float16", "bool", True, 64, 128
        )
        for kind in attention.POINTERS
    },
    "ctc_forward": lambda: ctc.write_forward("float32", ctc.capacity("float32", 60)),
    "ctc_backward": lambda: ctc.write_backward("float64", ctc.capacity("float64", 2000)),
    "ctc_chains": ctc.write_chains,
    "ctc_gradient": lambda: ctc.write_gradient("float32", True),
    "incomplete_gamma": lambda: gamma.write(True),
    "nms": lambda: boxes.write("float32", 2048),
}
ON_TENSOR_CORES = {
    f"{dtype}_{left}{right}_{tile}": (dtype, left, right, tile == 64, tile, vectors)
    for dtype, left, right, tile, vectors in (
        ("float16", "k", "r", 128, (True, True)),
        ("bfloat16", "r", "k", 64, (True, False)),
        ("float32", "k", "k", 128, (False, True)),
    )
}


@pytest.mark.parametrize("name", FORMS)
def test_ptxas_takes_every_form(name, tmp_path):
    assemble(ptx.emit(FORMS[name](), "sm_75", name), ARCHITECTURES, tmp_path)


@pytest.mark.parametrize("name", ON_TENSOR_CORES)
def test_ptxas_takes_products_on_tensor_cores(name, tmp_path):
    text = ptx.emit(tensor_cores.write(*ON_TENSOR_CORES[name]), "sm_80", "matmul")
    assert "mma.sync.aligned" in text
    assemble(text, ARCHITECTURES[1:], tmp_path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", attention.POINTERS)
def test_ptxas_takes_attention_on_tensor_cores(kind, dtype, tmp_path):
    text = ptx.emit(attention_cores.write(kind, dtype, "bool", True, 128, 64), "sm_80", kind)
    assert "mma.sync.aligned" in text
    assemble(text, ARCHITECTURES[1:], tmp_path)


@pytest.mark.parametrize("E, V", [(128, 64), (32, 128)])
@pytest.mark.parametrize("kind", attention.POINTERS)
def test_ptxas_takes_attention_on_hopper(kind, E, V, tmp_path):
    text = ptx.emit(attention_hopper.write(kind, "bfloat16", E > V, E, V), "sm_90a", kind)
    assert "wgmma.mma_async" in text and "cp.async.cg" in text
    assemble(text, ["sm_90a"], tmp_path)


@pytest.mark.parametrize("left, right", ["kr", "rk"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_ptxas_takes_products_on_hopper(dtype, left, right, tmp_path):
    scaled = left == "k"
    text = ptx.emit(hopper.write(dtype, left, right, scaled, not scaled), "sm_90a", "matmul")
    assert text.count("wgmma.mma_async") == 4 and "fence.proxy.async" in text
    assemble(text, ["sm_90a"], tmp_path)


def assemble(text, architectures, tmp_path):
    assert ".entry " in text
    if ptxas() is None:
        pytest.skip("no ptxas: pip install nvidia-cuda-nvcc")
    source = tmp_path / "kernel.ptx"
    source.write_text(text)
    for architecture in architectures:
        done = subprocess.run(
            [ptxas(), f"-arch={architecture}", "-o", str(tmp_path / "out"), str(source)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{architecture}: {done.stderr}"
        # ptxas says so where products would wait for each other.
        assert "serialized" not in done.stdout + done.stderr
