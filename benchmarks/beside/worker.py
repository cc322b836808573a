"""One program of one library: made and stepped here, then timed for a block whenever a line comes.

python -m benchmarks.beside.worker SYSTEM PROGRAM THREADS prints a line of JSON for the start and one for each block.
"""

import contextlib
import gc
import importlib
import json
import math
import os
import sys
import time

from ..all.measure import fitting_count, settle, timed

STEPS, ENOUGH_S = 20, 90  # whose losses are told; how much of the CPU that may take


def in_pytorch(name, n_threads, compiled):
    """Maker of a program's step in flambeau or torch."""
    T = importlib.import_module(name)
    T.set_num_threads(n_threads)
    from ..all import programs
    from ..compiled_programs import compiling

    def make(program):
        T.manual_seed(0)
        return getattr(programs, program)(T)

    def make_compiled(program):
        with compiling():
            return make(program)

    return make_compiled if compiled else make


def in_rival(name):
    """Maker of a program's step in JAX or MLX."""
    module = importlib.import_module(f".{name}", __package__)
    from .batches import BATCHES

    return lambda program: getattr(module, program)(*BATCHES[program]())


SYSTEMS = {
    "flambeau": lambda n: in_pytorch("flambeau", n, False),
    "compiled": lambda n: in_pytorch("flambeau", n, True),
    "PyTorch": lambda n: in_pytorch("torch", n, False),
    "inductor": lambda n: in_pytorch("torch", n, True),
    "JAX": lambda n: in_rival("in_jax"),
    "MLX": lambda n: in_rival("in_mlx"),
}


def keep_to(n_threads):
    """What this process starts, and every library's count of threads, gets as many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
    for name in ("OMP", "OPENBLAS", "MKL", "TORCHINDUCTOR_COMPILE"):
        os.environ[f"{name}_{'NUM_' * (name[0] != 'T')}THREADS"] = str(n_threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    if n_threads == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )


def main(system, program, n_threads):
    n_threads = int(n_threads)
    keep_to(n_threads)
    clock = time.process_time if n_threads == 1 else time.perf_counter
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is not the answer
        start = time.perf_counter()
        make = SYSTEMS[system](n_threads)
        imported = time.perf_counter()
        step = make(program)
        losses = [step()]
        first = time.perf_counter()
        while len(losses) < STEPS and time.process_time() < ENOUGH_S:
            losses.append(step())
    assert all(map(math.isfinite, losses)), losses
    answer(import_s=imported - start, first_s=first - imported, losses=losses)
    count = None
    gc.collect()
    gc.disable()
    for block in sys.stdin:
        if count is None:
            count = fitting_count(step, clock, float(block))
        settle(step)
        answer(step_s=timed(step, count, clock) / count)


def answer(**values):
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
