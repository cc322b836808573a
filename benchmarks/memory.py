"""Peak memory of training programs, and its growth over 300 steps, each in a process of its own that has no kernels yet."""

import importlib
import json
import os
import random
import subprocess
import sys
import tempfile

COMMAND = "from benchmarks.memory import measured; measured({library!r}, {program!r}, {steps})"


def report(only):
    from .all.programs import PROGRAMS
    from .harness import import_pytorch

    libraries = ["flambeau", "torch"] if import_pytorch() else ["flambeau"]
    print(f"{'MiB over what the import takes':70} {'flambeau':>9} {'PyTorch':>9} {'growth':>8}")
    for program in (*PROGRAMS, changing_sizes):
        if only is None or only in program.__doc__:
            few, many = (500, 1000) if program is changing_sizes else (20, 300)
            found = [in_a_process(library, program.__name__, few) for library in libraries]
            longer = in_a_process("flambeau", program.__name__, many)
            texts = [f"{peak:9.1f}" for peak in found] + [""] * (2 - len(found))
            mark = " <" if len(found) == 2 and found[0] > found[1] else ""
            print(
                f"{program.__doc__:70} {' '.join(texts)} {longer - found[0]:8.1f}{mark}", flush=True
            )


def changing_sizes(T):
    """images of changing sizes, 500 steps, and the growth until 1,000"""
    from .all.programs import training_step

    nn, numbers = T.nn, random.Random(0)

    def gelu(x):
        return 0.5 * x * (1 + T.tanh(0.79788456 * (x + 0.044715 * x**3)))

    first, second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
    norm, last = nn.BatchNorm2d(16), nn.Linear(32, 10)

    def loss():
        n, height, width = (
            numbers.randint(1, 16),
            numbers.randint(8, 64),
            numbers.randint(8, 64),
        )
        x = gelu(norm(first(T.randn(n, 3, height, width))))
        x = last(gelu(second(x)).mean((2, 3)))
        return nn.functional.cross_entropy(x, T.randint(0, 10, (n,)))

    return training_step(T, nn.ModuleList([first, second, norm, last]).parameters(), loss)


def in_a_process(library, program, steps):
    """Peak MiB of the program in a fresh interpreter, less what it holds after the import."""
    command = COMMAND.format(library=library, program=program, steps=steps)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", command],
            env={**os.environ, "FLAMBEAU_CACHE_DIR": folder},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"{program} on {library} fails:\n{done.stderr}")
    return json.loads(done.stdout)


def measured(library, program, steps):
    """Runs `steps` steps and prints the peak."""
    T = importlib.import_module(library)
    T.set_num_threads(1)
    from .all import programs

    before = peak_mib()
    step = (globals().get(program) or getattr(programs, program))(T)
    for _ in range(steps):
        step()
    print(json.dumps(peak_mib() - before))


def peak_mib():
    """The most memory this process has held, in MiB (Linux: VmHWM)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
