"""Reductions of all of a long tensor: any size and layout, the same bits for any number of threads."""

import numpy as np
import pytest

import flambeau as torch
from tests.on_threads import on_threads

# Below what is cut, just above, with a rest of a chunk and without one, with a rest of a vector.
SIZES = (262143, 262144, 262145, 300001, 327680, 1000003)
REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "prod": np.prod,
    "norm": np.linalg.norm,
    "any": np.any,
    "all": np.all,
    "argmax": np.argmax,
    "std": lambda a: np.std(a, ddof=1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_long_reductions(name, dtype):
    """A vector of whole lines, of halves, and of elements wider than they are stored; every second element."""
    if name in ("mean", "norm", "std") and not dtype.startswith(("float", "bfloat")):
        pytest.skip("of floating numbers")
    rng = np.random.default_rng(0)
    for n in SIZES:
        whole = rng.integers(0, 100, 2 * n) if "int" in dtype else rng.standard_normal(2 * n)
        if name == "prod":
            whole = 1 + (rng.integers(0, n // 64, 2 * n) == 0) * (np.arange(2 * n) % 2)
        x = torch.from_numpy(whole).to(getattr(torch, dtype))
        for layout in (x[:n], x[1 : n + 1], x[::2]):
            call = getattr(layout, name)
            first, *others = on_threads(call)
            assert all(torch.equal(first, other) for other in others)
            array = layout.to(torch.float64 if layout.is_floating_point() else layout.dtype).numpy()
            if array.dtype == np.uint8 and name in ("sum", "prod"):
                array = array.astype(np.int64)
            found = first.item()
            tolerance = 1e-2 if dtype == "bfloat16" else 2e-4 if name == "mean" else 1e-5
            np.testing.assert_allclose(
                found, REDUCTIONS[name](array), rtol=tolerance, atol=tolerance
            )


def test_a_nan_anywhere_in_a_long_tensor_shows():
    for place in (0, 32767, 32768, 262143, 299999):
        x = torch.zeros(300000)
        x[place] = float("nan")
        assert all(v.isnan() for v in (x.sum(), x.amax(), x.amin(), x.prod(), x.norm()))
