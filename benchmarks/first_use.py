"""The digits demo's first two steps, in a fresh process: empty and filled kernel cache."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .harness import Row

GOALS_S = {"empty": 2.0, "filled": 0.2}
PROGRAM = """
import time
import flambeau as T
from benchmarks.lenet import lenet_step
step = lenet_step(T, 32, T.optim.Adam)
start = time.perf_counter()
step(); step()
first = time.perf_counter() - start
start = time.perf_counter()
step(); step()
print(first - (time.perf_counter() - start))
"""


def rows():
    """What the first two steps take longer than the next two: compiling, loading, warming up."""
    with tempfile.TemporaryDirectory() as folder:
        empty = [seconds(Path(folder) / str(i)) for i in range(3)]
        filled = [seconds(Path(folder) / "0") for _ in range(3)]
    for name, taken in (("empty", empty), ("filled", filled)):
        median = statistics.median(taken)
        text = f" over {GOALS_S[name]} s" if median > GOALS_S[name] else None
        yield Row(f"{name} kernel cache", None, median, None, None, text)


def seconds(cache):
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", PROGRAM]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(answer.stdout)
