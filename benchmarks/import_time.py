"""Importing, in a fresh process, warm; the goal is 0.15 s."""

import os
import statistics
import subprocess
import sys

from .harness import Row, import_pytorch

GOAL_S = 0.15
PROGRAM = (
    "import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t, "
    "len(__import__('sys').modules))"
)


def rows():
    ours = import_seconds("flambeau")
    theirs = None if import_pytorch() is None else import_seconds("torch")
    text = None if ours <= GOAL_S else f" over {GOAL_S} s"
    yield Row("import", None, ours, theirs, theirs and theirs / ours, text)


def import_seconds(name, repeats=7):
    taken = []
    # An installed package has its bytecode, so a checkout may write its own here.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(repeats + 1):  # the first compiles, and brings the files into memory
        command = [sys.executable, "-c", PROGRAM.format(name=name)]
        answer = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment
        ).stdout
        taken.append(float(answer.split()[0]))
    return statistics.median(taken[1:])
