"""Asks a process of each library for each program, in turn, and prints the table."""

import argparse
import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ..harness import in_units
from .batches import BATCHES
from .worker import STEPS, SYSTEMS

MODULES = {"flambeau": "flambeau", "compiled": "flambeau", "PyTorch": "torch", "inductor": "torch",
           "JAX": "jax, optax", "MLX": "mlx.core"}  # fmt: skip
RIVALS = ("JAX", "MLX")
BLOCK_S = 0.05  # the least a timed block takes
ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A program that does not run in a library, or not within the limit; says how."""


class Worker:
    """A process with one program of one library, which answers with its start and with each block of steps."""

    def __init__(self, python, system, program, args, caches):
        names = ("FLAMBEAU_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
        folders = {name: str(Path(caches, name)) for name in names}
        command = [python, "-W", "ignore", "-m", f"{__package__}.worker", system, program]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*command, str(args.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **folders},
        )  # fmt: skip
        self.limit_s = args.limit
        self.least_s = float("inf")

    def answer(self):
        """What the process prints next."""
        if not select.select([self.process.stdout], [], [], self.limit_s)[0]:
            raise Failed(f"> {self.limit_s:g} s")
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise Failed(next(reversed(self.errors.read().strip().splitlines()), "no answer"))
        return json.loads(line)

    def block(self):
        """Times some steps; the least counts."""
        print(BLOCK_S, file=self.process.stdin, flush=True)
        self.least_s = min(self.least_s, self.answer()["step_s"])

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks beside", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="1: times of the CPU; more: of the wall")  # fmt: skip
    parser.add_argument("--only", default="", help="programs with this text in their name")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="which, with commas; default: %(default)s")  # fmt: skip
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has JAX and MLX")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each, in turn")
    parser.add_argument("--limit", type=float, default=120, help="seconds a start or a block may take")  # fmt: skip
    parser.add_argument("--caches", help="folder of compiled kernels, kept; else each process starts without any")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the names of the programs only")
    args = parser.parse_args(argv)

    programs = [program for program in BATCHES if args.only in program]
    if args.list:
        print("\n".join(programs))
        return
    asked = args.systems.split(",")
    unknown = [system for system in asked if system not in SYSTEMS]
    if unknown:
        parser.error(f"--systems: {', '.join(unknown)} is none of {', '.join(SYSTEMS)}.")
    systems = {system: python for system in asked if (python := interpreter(system, args.python))}
    print(f"{'':14}{'':12}" + "".join(f"{system:>10}" for system in systems))
    steps = [measured(program, systems, args) for program in programs]
    summary(steps, list(systems))


def interpreter(system, rivals_python):
    """The interpreter that runs it, or None, and says so, where it is not installed."""
    python = rivals_python if system in RIVALS else sys.executable
    command = [python, "-c", f"import {MODULES[system]}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if subprocess.run(command, env=environment, cwd=ROOT, capture_output=True).returncode == 0:
        return python
    print(f"{system}: left out, {python} has no {MODULES[system]}.")
    return None


def measured(program, systems, args):
    """Prints the rows of one program; {system: seconds of a step} of those that ran."""
    workers, starts, notes = {}, {}, {}
    with contextlib.ExitStack() as stack:
        for system, python in systems.items():
            caches = args.caches or stack.enter_context(tempfile.TemporaryDirectory())
            worker = Worker(python, system, program, args, caches)
            stack.callback(worker.close)
            try:
                starts[system], workers[system] = worker.answer(), worker
            except Failed as error:
                notes[system] = str(error)
        for _ in range(args.rounds):
            for system, worker in list(workers.items()):
                try:
                    worker.block()
                except Failed as error:
                    notes[system] = str(error)
                    del workers[system]
    steps = {system: worker.least_s for system, worker in workers.items()}
    losses = {system: start["losses"] for system, start in starts.items()}
    rows = {
        "step": {s: in_units(step) for s, step in steps.items()},
        "first step": {s: in_units(start["first_s"]) for s, start in starts.items()},
        "first loss": {s: f"{told[0]:.4g}" for s, told in losses.items()},
        f"{STEPS}th loss": {
            s: f"{told[-1]:.4g}" for s, told in losses.items() if len(told) == STEPS
        },
    }
    for title, row in rows.items():
        label = program if title == "step" else ""
        print(f"{label:14}{title:12}" + "".join(f"{row.get(s, '-'):>10}" for s in systems))
    for system, text in notes.items():
        print(f"{'':14}{system}: {text}")
    sys.stdout.flush()
    return steps


def summary(steps, systems):
    """How many times the first system's time each other takes, over the programs that both have."""
    first, *others = systems or [""]
    for other in others:
        ratios = [found[other] / found[first] for found in steps if {first, other} <= found.keys()]
        if ratios:
            mean, behind = statistics.geometric_mean(ratios), sum(r < 1 for r in ratios)
            print(f"{first} beside {other}: {mean:.2f}x in {len(ratios)} programs, the least {min(ratios):.2f}x, behind in {behind}")  # fmt: skip
