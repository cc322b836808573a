"""Programs that run with the loops of a lower instruction set, in a process of their own."""

import os
import subprocess
import sys

import pytest

at_lower_levels = pytest.mark.parametrize("level", ["portable", "avx2"])


def run_at_level(level, program, folder=""):
    """Runs the text of a program on the loops for `level`; `folder` comes first where it looks for modules."""
    path = os.pathsep.join(filter(None, (folder, os.getcwd(), os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FLAMBEAU_CPU": level, "PYTHONPATH": path},
        check=True,
        timeout=100,
    )
