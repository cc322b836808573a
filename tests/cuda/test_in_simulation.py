"""Runs the tests of the simulated GPU in processes of their own: a process has one driver."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", sorted(f.name for f in HERE.glob("test_on_*.py")))
def test_on_the_simulated_gpu(name):
    falls_back = "1" if name == "test_on_fallback.py" else "0"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(HERE / name)],
        env={**os.environ, "FLAMBEAU_CUDA": "simulated:2", "FLAMBEAU_CUDA_FALLBACK": falls_back},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
