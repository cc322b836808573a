"""Runs the families in both libraries, prints the table and its summary, writes it as TSV."""

import argparse
import importlib
import math

from .. import harness
from .case import FAMILIES, short
from .measure import Floor, times_of_both

FILES = ("elements", "moving", "order", "products", "layers", "maths", "training", "programs")
COLUMNS = ("family", "row", "size", "ours_us", "theirs_us", "ratio", "floor_us")


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks all", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1, help="1: times of the CPU; more: of the wall")  # fmt: skip
    parser.add_argument("--family", help="families with this text in their name, or several with commas")  # fmt: skip
    parser.add_argument("--match", default="", help="rows with this text in their name")
    parser.add_argument("--quick", action="store_true", help="short blocks, three rounds")
    parser.add_argument("--tsv", default=None, help="where the table is written")
    parser.add_argument("--list", action="store_true", help="print the names of the rows only")
    args = parser.parse_args(argv)

    load()
    import flambeau

    libraries = [flambeau, harness.import_pytorch()]
    if libraries[1] is None:
        parser.error("PyTorch is not installed: there is nothing to compare with.")
    harness.use_threads(args.threads)
    asked = args.family.split(",") if args.family else [""]
    families = [f for f in FAMILIES if any(a in f for a in asked)]
    if args.list:
        for name in families:
            for label, *_ in pairs(name, libraries, args.match):
                print(label)
        return
    floor = Floor(libraries, args.threads)
    print(f"{'':60} {'flambeau':>10} {'PyTorch':>10} {'ratio':>7} {'floor':>10}")
    table = list(rows(families, libraries, floor, args))
    summary(table)
    slow = {row[:2] for row in table if row[5] < 1}
    if slow:
        print("\nbelow 1.0, once more at another moment and with other memory:")
        again = list(rows(families, libraries, floor, args, slow))
        print(f"below 0.95 both times {count_both(table, again, 0.95)}, below 1.0 {count_both(table, again, 1)}")  # fmt: skip
    if args.tsv:
        with open(args.tsv, "w") as file:
            print(*COLUMNS, sep="\t", file=file)
            for row in table:
                print(*(f"{v:.4g}" if isinstance(v, float) else v for v in row), sep="\t", file=file)  # fmt: skip


def load():
    """Import the files that declare families."""
    for name in FILES:
        importlib.import_module(f"benchmarks.all.{name}")


def rows(families, libraries, floor, args, only=None):
    """Times and prints the rows of `families`, or those whose (family, label) is among `only`."""
    for name in families:
        if only is None or any(name == family for family, _ in only):
            for label, size, ours, theirs in pairs(name, libraries, args.match):
                if only is None or (name, label) in only:
                    row = compare(name, label, size, ours, theirs, floor, args)
                    print(line(row), flush=True)
                    yield row


def count_both(table, again, limit):
    """How many rows are below `limit` in both tables."""
    below = {row[:2] for row in table if row[5] < limit}
    return sum(row[5] < limit and row[:2] in below for row in again)


def pairs(name, libraries, match):
    """(label, size, our row, their row) of a family; both generators go in step."""
    for function, sizes in FAMILIES[name]:
        for size in sizes:
            for T in libraries:
                T.manual_seed(0)
            text = short(size) if isinstance(size, int) else str(size)
            for ours, theirs in zip(*(function(T, size) for T in libraries), strict=True):
                label = f"{ours.name} [{text}]"
                if match in f"{name}: {label}":
                    yield label, text, ours, theirs


def compare(family, label, size, ours, theirs, floor, args):
    ours_s, theirs_s = times_of_both(ours.run, theirs.run, args.threads, args.quick)
    least = floor.seconds(bytes_of(ours.args) + bytes_of(ours.run()), ours.flops)
    return family, label, size, ours_s * 1e6, theirs_s * 1e6, theirs_s / ours_s, least * 1e6


def bytes_of(value):
    """Bytes that have to be read of arguments, or written of a result; what is expanded counts once."""
    if isinstance(value, (tuple, list)):
        return sum(map(bytes_of, value))
    if not hasattr(value, "element_size"):
        return 0
    numel = math.prod(s for s, step in zip(value.shape, value.stride()) if step != 0)
    return numel * value.element_size()


def line(row):
    family, label, _, ours, theirs, ratio, floor = row
    mark = " <" if ratio < 0.95 else ""
    times = (f"{harness.in_units(t * 1e-6):>10}" for t in (ours, theirs))
    return f"{family + ': ' + label:60} {' '.join(times)} {ratio:6.2f}x {harness.in_units(floor * 1e-6):>10}{mark}"  # fmt: skip


def summary(table):
    print(f"\n{'family':24} {'rows':>5} {'< 0.95':>7} {'< 1.0':>6} {'mean':>7} {'worst':>7}")
    groups = {}
    for row in table:
        groups.setdefault(row[0], []).append(row[5])
    for name, ratios in [*groups.items(), ("all", [r for g in groups.values() for r in g])]:
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            below = [sum(r < limit for r in ratios) for limit in (0.95, 1.0)]
            print(f"{name:24} {len(ratios):5} {below[0]:7} {below[1]:6} {mean:6.2f}x {min(ratios):6.2f}x")  # fmt: skip
    slow = sorted((row for row in table if row[5] < 1), key=lambda row: row[5])
    if slow:
        print("\nbelow 1.0, slowest first:")
        for row in slow:
            print(" ", line(row))
