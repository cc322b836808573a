"""The examples run as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FASHION = (
    Path("/usr/share/datasets/fashion-mnist"),
    ROOT.parent / "shared" / "data" / "fashion-mnist",
)


def run(program, *arguments):
    command = [sys.executable, ROOT / "examples" / program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_digits_is_learnt_drawn_saved_and_loaded(tmp_path):
    output = run("digits.py", "--out", tmp_path)
    assert "its predictions are the same" in output
    accuracy = float(output.partition("held-out digits: ")[2].partition(" %")[0])
    assert accuracy >= 97
    assert (tmp_path / "digits.pt").exists()
    if "No picture" not in output:
        assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(tmp_path):
    checkpoints = []
    for threads in ("1", "2", "2"):
        folder = tmp_path / str(len(checkpoints))
        program = ROOT / "examples" / "digits.py"
        subprocess.run(  # one epoch is too short to reach the goal, so its exit status is 1
            [sys.executable, program, "--epochs", "1", "--out", folder],
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "FLAMBEAU_NUM_THREADS": threads},
        )
        checkpoints.append((folder / "digits.pt").read_bytes())
    assert checkpoints[0] == checkpoints[1] == checkpoints[2]


def test_fashion_mnist(tmp_path):
    folder = next((f for f in FASHION if f.is_dir()), None)
    if folder is None:
        pytest.skip("Fashion-MNIST is not here")
    output = run(
        "fashion_mnist.py", "--data", folder, "--samples", 1280, "--epochs", 1, "--out", tmp_path
    )
    accuracy = float(output.partition("test images: ")[2].partition(" %")[0])
    assert accuracy > 25  # ten classes, twenty steps
