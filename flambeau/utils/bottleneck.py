"""Where a program spends its time: python -m flambeau.utils.bottleneck program.py arguments...

The machine, the functions of Python that take longest (cProfile), the operators that do, with advice.
"""

import argparse
import cProfile
import pstats
import sys

from ..profiler import profile
from .collect_env import get_pretty_env_info
from .run_program import run_program

__all__ = ["main", "report"]


def _run(program, arguments):
    """Run a program as __main__; an exit is its end."""
    before = sys.argv, sys.path[:]
    try:
        run_program(program, arguments)
    except SystemExit:
        pass
    finally:
        sys.argv, sys.path[:] = before[0], before[1]


def report(program, arguments=(), rows=15, file=None):
    """Run a program twice, under cProfile and under the profiler, and print where its time went.

    Args:
        program (path): a file of Python; arguments (sequence of str): its sys.argv behind its name.
        rows (int): lines of each table.
        file (optional): where to print, sys.stdout by default.
    """
    python = cProfile.Profile()
    python.enable()
    try:
        _run(program, arguments)
    finally:
        python.disable()
    with profile(record_shapes=True) as operators:
        _run(program, arguments)
    out = sys.stdout if file is None else file
    print(f"The machine\n\n{get_pretty_env_info()}\n\nFunctions of Python (cProfile)\n", file=out)
    pstats.Stats(python, stream=out).sort_stats("tottime").print_stats(rows)
    averages = operators.key_averages()
    print("Operators\n", file=out)
    print(averages.table(sort_by="self_cpu_time_total", row_limit=rows), file=out)
    for sentence in operators.advice():
        print(f"- {sentence}", file=out)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(
        "python -m flambeau.utils.bottleneck", description=__doc__.splitlines()[0]
    )
    parser.add_argument("program", help="a file of Python")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    args = parser.parse_args(arguments)
    report(args.program, args.arguments)


if __name__ == "__main__":
    main()
