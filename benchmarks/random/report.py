"""Draws calls, times them in both libraries in turn on one thread, and prints what is behind."""

import argparse
import importlib
import math
import random
import re
import statistics
import sys
import time
import warnings

import numpy as np

from .. import harness
from ..all.measure import blocks
from .calls import FLOATS, OPERATORS, SIZES, Operands, laid_out, shape_of

FILES = ("pointwise", "reductions", "moving", "layers")
ROUNDS, BLOCK_S = 5, 0.0015
NEAR, MORE_ROUNDS = 0.9, 11  # what is below is timed again, longer
BEHIND = 0.8  # what is printed once more at the end
LONGEST_S = 0.5  # calls that take PyTorch longer are left out


def load():
    """Import the files that list operators."""
    for name in FILES:
        importlib.import_module(f".{name}", __package__)


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks random", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long to go on")
    parser.add_argument("--seed", type=int, default=0, help="which calls are drawn")
    parser.add_argument("--match", default="", help="operators whose name has this regular expression")  # fmt: skip
    parser.add_argument("--back", action="store_true", help="the call and the gradient of its input")  # fmt: skip
    parser.add_argument("--in-order", action="store_true", help="all calls one after the other, not drawn")  # fmt: skip
    for name in ("dtypes", "sizes", "layouts"):
        parser.add_argument(f"--{name}", default="", help="these only, with commas")
    return parser.parse_args(argv)


def main(argv):
    args = arguments(argv)
    import flambeau

    pytorch = harness.import_pytorch()
    if pytorch is None:
        sys.exit("PyTorch is not installed: there is nothing to compare with.")
    warnings.simplefilter("ignore")
    harness.use_threads(1)
    load()
    print(f"{'':60} {'flambeau':>10} {'PyTorch':>10} {'ratio':>7}")
    end = time.monotonic() + args.seconds
    table, failed = [], []
    for case in cases(args):
        if time.monotonic() > end:
            break
        label = " | ".join(map(str, case)) + (" | backward" if args.back else "")
        try:
            theirs = call(pytorch, *case, args.back)
            begin = time.monotonic()
            theirs()
        except Exception:  # PyTorch refuses, and what flambeau does with it is not asked here
            continue
        if time.monotonic() - begin > LONGEST_S:
            continue
        try:
            ours = call(flambeau, *case, args.back)
            ours()
        except Exception as error:
            failed.append(f"{label}: {type(error).__name__}: {error}")
            continue
        table.append((label, *times(ours, theirs)))
        print(line(*table[-1]), flush=True)
    summary(table, failed)


def cases(args):
    """(operator, dtype, size, layout), drawn or in order."""

    def asked(given, value):
        return not given or str(value) in given.split(",")

    found = [
        (name, dtype, size, layout)
        for name, (dtypes, _, layouts) in OPERATORS.items()
        if re.search(args.match, name)
        for dtype in dtypes
        if asked(args.dtypes, dtype) and not (args.back and dtype not in FLOATS)
        for size in SIZES
        if asked(args.sizes, size)
        for layout in layouts
        if asked(args.layouts, layout)
    ]
    if not args.in_order:
        random.Random(args.seed).shuffle(found)
    return found


def call(T, name, dtype, size, layout, back):
    """The call as a function without arguments."""
    _, function, layouts = OPERATORS[name]
    shape = shape_of(size, layout, layouts)
    more, x = Operands(T, dtype, shape, layout), laid_out(T, dtype, shape, "x", layout)
    if not back:
        return lambda: first_of(function(T, x, more)).data_ptr()
    leaf = x.detach().requires_grad_()
    out = first_of(function(T, leaf, more))
    values = np.random.default_rng(1).random(tuple(out.shape)).astype("float32")
    grad = T.from_numpy(np.asarray(values)).to(out.dtype)

    def both():
        first_of(T.autograd.grad(first_of(function(T, leaf, more)), leaf, grad)).data_ptr()

    return both


class Plain:
    """A result that is no tensor, so that nothing of it is left to be computed."""

    @staticmethod
    def data_ptr():
        return 0


def first_of(result):
    """The first tensor of a result."""
    while isinstance(result, (tuple, list)) and result:
        result = result[0]
    return result if hasattr(result, "data_ptr") else Plain


def times(ours, theirs):
    """Median seconds of both, and the median of the ratios of neighbouring blocks."""
    for rounds in (ROUNDS, MORE_ROUNDS):
        taken = blocks((ours, theirs), 1, rounds, BLOCK_S)
        ratio = statistics.median(b / a for a, b in zip(*taken, strict=True))
        if ratio >= NEAR:
            break
    return (*map(statistics.median, taken), ratio)


def line(label, ours_s, theirs_s, ratio):
    values = (f"{harness.in_units(s):>10}" for s in (ours_s, theirs_s))
    return f"{label:60} {' '.join(values)} {ratio:6.2f}x"


def summary(table, failed):
    if table:
        ratios = sorted(row[-1] for row in table)
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        below = [sum(r < limit for r in ratios) for limit in (1, BEHIND)]
        print(f"\n{len(table)} calls: {mean:.2f}x in the mean, {below[0]} below 1, {below[1]} below {BEHIND}")  # fmt: skip
        for row in sorted(table, key=lambda row: row[-1])[: below[1]]:
            print(" ", line(*row))
    if failed:
        print(f"\n{len(failed)} calls that PyTorch takes and flambeau does not:")
        for text in failed:
            print(" ", text[:160])
