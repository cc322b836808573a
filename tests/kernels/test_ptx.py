"""The same maps as PTX: LLVM accepts the text for a GPU, and the kernels are entries with parameters."""

import pytest

from flambeau import kernels as k
from flambeau.kernels import Map

MAPS = {
    "add": lambda x, y: x + y,
    "division": lambda x, y: k.floor_div(x, y) + k.remainder(x, y),
    "minimum": k.minimum,
    "where": lambda x, y: k.where(x > y, x, 0),
    "index": lambda x, y: x + y * k.index(),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "int64", "uint8"])
def test_maps_become_ptx(name, dtype):
    text = Map(MAPS[name], name, 2).ptx([dtype] * 2, [dtype] * 2, [dtype], "cgs")
    assert ".visible .entry kernel(" in text and "kernel_param_5[24]" in text


def test_complex_and_bool():
    text = Map(lambda x: x * k.conj(x), "norm").ptx(
        ["complex64"], ["complex64"], ["complex64"], "cc"
    )
    assert ".entry" in text
    assert ".entry" in Map(lambda x: ~x, "not").ptx(["bool"], ["bool"], ["bool"], "cc")


def test_derivatives_become_ptx():
    derived, _ = Map(k.sqrt, "sqrt", 1).derivative(0)
    assert ".entry" in derived.ptx(
        ["float32"] * 2, ["float32"] * 2, ["float32"], "ccc", arch="sm_90"
    )
