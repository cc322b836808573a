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


def run(program, *arguments, status=0):
    command = [sys.executable, ROOT / "examples" / program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def number(output, before):
    """The number that follows a text."""
    return float(output.partition(before)[2].split()[0].rstrip("%.;,"))


def is_drawn(output, path):
    return "No picture" in output or path.read_bytes().startswith(b"\x89PNG")


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
    # Three steps are too few to reach the goal, so its exit status is 1.
    output = run("shapes.py", "--steps", 3, "--out", tmp_path, status=1)
    assert "step 3: loss" in output
    assert is_drawn(output, tmp_path / "shapes.png")


def test_two_networks_that_play_come_nearer_to_real_images(fashion, tmp_path):
    output = run("dcgan.py", "--data", fashion, "--samples", 1920, "--epochs", 1, "--out", tmp_path)
    drawn = number(output, "drawn images from real ones: ")
    assert drawn < number(output, "of noise: ")  # thirty steps
    assert number(output, "of other real ones: ") < 0.5
    assert is_drawn(output, tmp_path / "dcgan.png")


def test_a_checkpoint_is_taken_further(fashion, tmp_path):
    options = ["--each", 40, "--few", 1, "--tests", 4, "--out", tmp_path]
    output = run("transfer.py", "--data", fashion, *options)
    assert 0 <= number(output, "from the checkpoint: ") <= 100
    assert (tmp_path / "transfer.pt").exists()
    assert is_drawn(output, tmp_path / "transfer.png")


def test_noise_becomes_a_spiral(tmp_path):
    output = run("diffusion.py", "--steps", 600, "--out", tmp_path)
    assert number(output, "s; loss ") < 0.6  # 1 before
    assert number(output, "s; loss ") > 0.1
    assert float(output.partition(" % of the new points")[0].split()[-1]) > 40
    assert is_drawn(output, tmp_path / "diffusion.png")


def test_a_pole_is_balanced(tmp_path):
    output = run("cartpole.py", "--rounds", 40, "--out", tmp_path)
    assert number(output, "64 runs: ") > 2 * number(output, "500 at most; ")
    assert is_drawn(output, tmp_path / "cartpole.png")


@pytest.mark.parametrize("processes", [1, 3])
def test_processes_train_one_network(processes, tmp_path):
    output = run("hogwild.py", "--processes", processes, "--epochs", 4, "--out", tmp_path)
    assert number(output, "held-out digits: ") > 80  # 10 before
    assert is_drawn(output, tmp_path / "hogwild.png")


def test_sounds_are_told_by_their_spectra(tmp_path):
    pytest.importorskip("scipy")
    output = run("sounds.py", "--sounds", 500, "--epochs", 3, "--out", tmp_path)
    assert number(output, "steps; ") > 80  # five kinds
    assert is_drawn(output, tmp_path / "sounds.png")


def test_speakers_are_told_by_their_words(tmp_path):
    texts = {"HAMLET": "To be or not to be, that is the question", "Ber": "Who is there, who?"}
    play = "".join(f"{name}.\n{text}\n{text}\n\n" for name, text in list(texts.items()) * 30)
    (tmp_path / "play.txt").write_text(play)
    output = run("words.py", "--data", tmp_path / "play.txt", "--speakers", 2, "--out", tmp_path)
    assert "Hamlet" in output or "Ber" in output
    assert number(output, "steps; ") > 95
    assert is_drawn(output, tmp_path / "words.png")
