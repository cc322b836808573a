"""The core's own C++ tests (csrc/tests), where `make test-core` has built them."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAMS = [p for p in sorted((ROOT / "build/inplace").glob("test_*")) if os.access(p, os.X_OK)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_the_program_finds_all_well(program):
    done = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "all well" in done.stdout, done.stdout + done.stderr


def test_every_source_has_its_program():
    if not PROGRAMS:
        pytest.skip("not built: make test-core")
    sources = {p.stem for p in (ROOT / "csrc/tests").glob("test_*.cpp")}
    assert {p.name for p in PROGRAMS} in (
        sources,
        {"test_threads"},
    )  # without libpython only that one
