"""The examples run as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
FASHION = (
    Path("/usr/share/datasets/fashion-mnist"),
    DATA / "fashion-mnist",
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


@pytest.fixture
def fashion():
    folder = next((f for f in FASHION if f.is_dir()), None)
    if folder is None:
        pytest.skip("Fashion-MNIST is not here")
    return folder


def test_fashion_mnist(fashion, tmp_path):
    output = run(
        "fashion_mnist.py", "--data", fashion, "--samples", 1280, "--epochs", 1, "--out", tmp_path
    )
    accuracy = float(output.partition("test images: ")[2].partition(" %")[0])
    assert accuracy > 25  # ten classes, twenty steps


def test_an_autoencoder_learns_to_draw(fashion, tmp_path):
    arguments = ["--data", fashion, "--samples", 2560, "--epochs", 1, "--out", tmp_path]
    output = run("vae.py", *arguments)
    loss = float(output.partition("test images: ")[2].partition(" nats")[0])
    assert loss < 450  # 543 if every pixel is drawn as one half; twenty steps
    assert (tmp_path / "vae.pt").exists()


def test_a_gpt_learns_to_write(tmp_path):
    play = (
        "To be, or not to be, that is the question:\nWhether it is nobler in the mind to suffer\n"
    )
    text = tmp_path / "text"
    text.mkdir()
    (text / "play.txt").write_text(40 * play)
    options = ["--steps", 60, "--batch-size", 8, "--letters", 30, "--out", tmp_path]
    output = run("gpt.py", "--data", text, *options)
    loss = float(output.partition("held-out text: ")[2].partition(" nats")[0])
    assert loss < 1.5  # 3.1 before; the text repeats
    assert len(output.partition("---\n")[2].rstrip("\n")) >= 25


def test_shapes_are_looked_for_and_drawn(tmp_path):
    command = [sys.executable, ROOT / "examples/shapes.py", "--steps", "3", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    # Three steps are too few to reach the goal, so its exit status is 1.
    assert done.returncode == 1 and "step 3: loss" in done.stdout, done.stdout + done.stderr
    if "No picture" not in done.stdout:
        assert (tmp_path / "shapes.png").read_bytes().startswith(b"\x89PNG")
