"""python -m benchmarks [name ...] [--only TEXT] [--threads N], or all, beside, random with --help"""

import argparse
import importlib
import inspect
import os
import sys
import time

from . import harness

NAMES = (
    "overhead", "recorded", "pointwise", "pointwise_all", "reduce", "declared", "fourier", "matmul", "conv", "pool", "lenet", "programs", "memory", "train", "processes",
    "distributed",
    "profiler", "foreach", "distributions", "vmap", "files", "sparse", "nested", "export", "flex_attention", "vision", "loaders", "language", "compiled", "fused", "compiled_programs",
    "first_use", "import_time", "start", "install_size",
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--only", help="rows with this text in their name")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument(
        "--cpu-time", action="store_true", help="of one thread, not of the clock on the wall"
    )
    args = parser.parse_args()
    if args.cpu_time:
        harness.clock, args.threads = time.process_time, 1

    missed = []
    for name in args.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        harness.use_threads(getattr(module, "THREADS", args.threads))
        print(f"\n{name}: {module.__doc__.splitlines()[0]}")
        if hasattr(module, "report"):
            module.report(args.only)
            continue
        print(harness.header())
        if hasattr(module, "rows"):
            takes_only = bool(inspect.signature(module.rows).parameters)
            rows = module.rows(args.only) if takes_only else module.rows()
        else:
            rows = harness.compare_modules(module.cases, args.only, **getattr(module, "EFFORT", {}))
        for row in rows:
            print(harness.line(row), flush=True)
            if row.reached is False or row.ours_s is None:
                missed.append(f"{name}: {row.name}")
    if missed:
        print(f"\n{len(missed)} goals not reached:\n  " + "\n  ".join(missed))


if __name__ == "__main__":
    if sys.argv[1:2] in (["all"], ["beside"], ["random"]):  # with options of their own
        importlib.import_module(f".{sys.argv[1]}.report", __package__).main(sys.argv[2:])
    else:
        main()
