"""Run a program under the profiler: a table of its operators, and a trace for chrome://tracing or ui.perfetto.dev."""

import argparse


def main(arguments):
    parser = argparse.ArgumentParser("python -m flambeau trace", description=__doc__)
    parser.add_argument(
        "--out", default="trace.json", help="the trace; .gz compresses (default: %(default)s)"
    )
    parser.add_argument("--shapes", action="store_true", help="note sizes of arguments")
    parser.add_argument(
        "--stack", action="store_true", help="note lines of the program, which is slower"
    )
    parser.add_argument(
        "--memory", action="store_true", help="note bytes of each call, which is slower"
    )
    parser.add_argument("--rows", type=int, default=20, help="lines of the table")
    parser.add_argument("program", help="a file of Python, which may say `import torch`")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    args = parser.parse_args(arguments)
    from ..identity import install
    from ..profiler import profile
    from ..utils.run_program import run_program

    install()
    status = 0
    with profile(
        record_shapes=args.shapes, with_stack=args.stack, profile_memory=args.memory
    ) as prof:
        try:
            run_program(args.program, args.arguments)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
    averages = prof.key_averages(group_by_stack_n=1 if args.stack else 0)
    print(averages.table(sort_by="self_cpu_time_total", row_limit=args.rows))
    for sentence in prof.advice():
        print(f"- {sentence}")
    prof.export_chrome_trace(args.out)
    print(f"Trace: {args.out}")
    return status
