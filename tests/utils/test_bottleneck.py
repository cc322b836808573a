"""utils.bottleneck and python -m flambeau trace: a program is run and told about."""

import io
import json
import subprocess
import sys
from pathlib import Path

from flambeau.utils import bottleneck

PROGRAM = """
import sys
import flambeau as torch

def work():
    for _ in range(5):
        torch.ones(4, 4) @ torch.ones(4, 4)

work()
print("done", sys.argv[1:])
sys.exit(3)
"""


def test_a_report(tmp_path, capsys):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out = io.StringIO()
    before = sys.argv
    bottleneck.report(program, ["x"], file=out)
    text = out.getvalue()
    assert "Functions of Python" in text and "(work)" in text and "aten::matmul" in text
    assert sys.argv is before and capsys.readouterr().out == "done ['x']\n" * 2


def test_a_trace(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("flambeau as torch", "torch"))
    command = [
        sys.executable,
        "-m",
        "flambeau",
        "trace",
        "--shapes",
        "--stack",
        "--out",
        "t.json",
        program,
        "--its",
        "own",
    ]
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert (
        "done ['--its', 'own']" in done.stdout
        and "aten::matmul" in done.stdout
        and "program.py(7): work" in done.stdout
    )
    names = [row["name"] for row in json.loads((tmp_path / "t.json").read_text())["traceEvents"]]
    assert names.count("aten::matmul") == 5
