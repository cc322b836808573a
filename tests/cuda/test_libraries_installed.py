"""Where NVIDIA's wheels are installed, their libraries have every entry point that is called; no device is asked for."""

import ctypes

import pytest

from flambeau.ops.cuda.libraries import cublaslt, cudnn, cusolver
from flambeau.ops.cuda.libraries import open as opening

LIBRARIES = {
    "cublasLt": ("cublas", cublaslt, "cublasLtGetVersion"),
    "cudnn": ("cudnn", cudnn, "cudnnGetVersion"),
    "cusolver": ("cusolver", cusolver, None),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_entry_points(name):
    wheel, module, version = LIBRARIES[name]
    files = [path for path in opening.candidates(name, wheel, None) if "/" in path]
    if not files:
        pytest.skip(f"no nvidia-{wheel} wheel")
    table = opening.Library(ctypes.CDLL(files[0]), module._entries(), module._texts(), version)
    assert all(hasattr(table, entry) for entry in module._entries())
    assert table.version > 0 or version is None
