"""python -m flambeau info, warmup, summary; utils.collect_env."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch
from flambeau.commands import info, summary, warmup
from flambeau.utils import collect_env

ROOT = Path(__file__).parents[2]


def test_info(capsys):
    assert info.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"flambeau    {torch.version.flambeau}")
    assert {line.split()[0] for line in lines} >= {
        "Python",
        "processor",
        "kernels",
        "GPU",
        "vision",
    }


def test_warmup_fills_the_cache(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(
        warmup, "_pointwise", lambda dtype: [lambda: torch.ones(2).exp(), lambda: 1 / 0 or None][:1]
    )
    monkeypatch.setattr(warmup, "_learning", lambda dtype: [])
    assert warmup.main(["--dtypes", "float32,float64"]) == 0
    assert capsys.readouterr().out.startswith("2 operators and their gradients are ready")
    monkeypatch.setenv("FLAMBEAU_CACHE_MAX_BYTES", "0")
    assert warmup.main([]) == 1


def test_summary_of_a_file(capsys, tmp_path):
    drawn = tmp_path / "lenet.svg"
    place = f"{ROOT / 'examples' / 'lenet.py'}:LeNet"
    assert summary.main([place, "4,1,32,32", "--meta", "--svg", str(drawn)]) == 0
    assert "conv1: Conv2d  4x6x28x28" in capsys.readouterr().out and drawn.read_text().startswith(
        "<svg"
    )
    with pytest.raises(SystemExit, match="names no model"):
        summary.main(["lenet", "1"])


def test_commands_from_the_shell():
    done = subprocess.run(
        [sys.executable, "-m", "flambeau", "info"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "processor" in done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["warmup", "--help"]])
def test_a_reader_that_goes_away_is_no_error(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "flambeau", *arguments],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert done.stderr == b""


def test_what_a_report_says(monkeypatch):
    found = collect_env.get_env_info()
    assert found.torch_version == torch.version.flambeau and found.is_cuda_available == "False"
    assert "numpy==" in found.pip_packages
    text = collect_env.get_pretty_env_info()
    assert text.startswith(f"flambeau version: {torch.version.flambeau}\nOS: ")
    assert collect_env.run(["a-program-that-is-not-there"])[0] == 127
    assert (
        collect_env.run_and_parse_first_match(collect_env.run, ["echo", "v 1.2"], r"v (.*)")
        == "1.2"
    )
    assert collect_env.run_and_return_first_line(collect_env.run, "printf 'a\nb'") == "a"
    assert collect_env.run_and_read_all(collect_env.run, "false") is None


def test_summary_of_a_program_that_says_torch(tmp_path):
    # It was run with the torch that was installed, or none.
    (tmp_path / "net.py").write_text("import torch\nmodel = lambda: torch.nn.Linear(3, 2)\n")
    command = [
        sys.executable,
        "-m",
        "flambeau",
        "summary",
        str(tmp_path / "net.py") + ":model",
        "4,3",
    ]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Linear" in printed and "8 parameters" in printed


def test_words_that_are_no_command():
    command = [sys.executable, "-m", "flambeau", "sumary"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "flambeau: 'sumary' is neither a file nor one of info, warmup, summary, trace, stand-in.\n"
    )


@pytest.mark.parametrize("way", ["-c", "-"])
def test_a_program_from_the_command_line_or_the_input(way):
    text = "import sys, torch\nprint(torch.ones(2).tolist(), sys.argv, __name__)\n1 / 0\n"
    given = [text, "x"] if way == "-c" else ["x"]
    command = [sys.executable, "-m", "flambeau", way, *given]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, input=text if way == "-" else ""
    )
    assert done.stdout == f"[1.0, 1.0] ['{way}', 'x'] __main__\n", done.stderr
    source = "<string>" if way == "-c" else "<stdin>"
    assert done.returncode == 1 and [
        line for line in done.stderr.splitlines() if "File" in line
    ] == [f'  File "{source}", line 3, in <module>']
    done = subprocess.run(command[:3] + ["-c"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "flambeau: -c takes the text of a program.\n")


def test_tracebacks_begin_in_the_program(tmp_path):
    program = tmp_path / "program.py"
    for text, lines in {
        "def f():\n    raise ValueError('x')\n\nf()\n": ["line 4, in <module>", "line 2, in f"],
        "x = (\n": ["line 1"],
        "import sys\nsys.excepthook = lambda *_: print('own', file=sys.stderr)\n1 / 0\n": [],
    }.items():
        program.write_text(text)
        command = [sys.executable, "-m", "flambeau", str(program)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 1
        assert [
            line.split(", ", 1)[1] for line in done.stderr.splitlines() if "File" in line
        ] == lines
