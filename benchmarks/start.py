"""From the start of Python to the first result of timm and of transformers, beside PyTorch, CPU time of the process.

Needs the libraries where the interpreter finds them, and PyTorch (with torchvision, which timm wants) to compare with.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import harness

ROUNDS = 5
PROGRAMS = {
    "timm": """
import timm, torch
model = timm.create_model("resnet18", pretrained=False).eval()
with torch.no_grad():
    model(torch.zeros(1, 3, 64, 64))
""",
    "transformers": """
import torch
from transformers import AutoModel, BertConfig
config = BertConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
model = AutoModel.from_config(config).eval()
with torch.no_grad():
    model(torch.zeros(1, 8, dtype=torch.int64))
""",
}


def rows():
    with tempfile.TemporaryDirectory() as folder:
        for library, text in PROGRAMS.items():
            if importlib.util.find_spec(library) is None:
                continue
            program = Path(folder, f"use_{library}.py")
            program.write_text(text)
            ours, theirs = [], []
            for _ in range(ROUNDS + 1):  # the first compiles, and brings the files into memory
                ours.append(_seconds("-m", "flambeau", program))
                if harness.import_pytorch() is not None:
                    theirs.append(_seconds(program))
            mine, other = min(ours[1:]), min(theirs[1:], default=None)
            yield harness.Row(f"{library}, first result", 2.0, mine, other, other and other / mine)


def _seconds(*arguments):
    """CPU time, in all threads, of a process that must end well."""
    # An installed package has its bytecode, so a checkout may write its own here.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *arguments], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"start: {arguments[-1].name} failed with {process.returncode}.")
    return used.ru_utime + used.ru_stime
