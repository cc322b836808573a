"""python -m flambeau.kernels "x / (1 + exp(-x))": the stages from an expression to machine code.

Names that are not words of the language are inputs, in the order of the alphabet.
Options: --dtype float64, --modes cgc, --cpu avx2, --stage expression|derivative|ir|asm|ptx.
"""

import argparse
import ast
import sys

from . import language
from .schedules.map import Map


def parse(text):
    """(Map, names of its inputs) of a Python expression."""
    words = {name: getattr(language, name) for name in language.__all__}
    tree = ast.parse(text, mode="eval")
    names = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in words})
    source = compile(f"lambda {', '.join(names)}: ({text})", "<expression>", "eval")
    return Map(eval(source, words), "expression", len(names)), names


def show(text, dtype="float32", modes=None, stage=None, arch="sm_70"):
    """Yields (title, text) of each stage."""
    from .expression import text as as_text
    from .targets import cpu

    map_, names = parse(text)
    dtypes, modes = [dtype] * map_.n_in, modes or "c" * (map_.n_in + 1)
    yield "expression", as_text(map_.expressions[0], names)
    for i, name in enumerate(names):
        found = map_.derivative(i)
        if found is None:
            yield f"derivative by {name}", "0"
            continue
        derived, uses = found
        of = ["grad_output", *["result" if u < 0 else names[u] for u in uses]]
        yield f"derivative by {name}", as_text(derived.expressions[0], of)
    if stage in (None, "ir"):
        yield "ir", map_.ir(dtypes, dtypes, [dtype], modes)
    if stage in (None, "asm"):
        target = cpu.host()
        yield "asm", cpu.assembly(map_.ir(dtypes, dtypes, [dtype], modes), target)
    if stage == "ptx":
        yield "ptx", map_.ptx(dtypes, dtypes, [dtype], modes, arch)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m flambeau.kernels", description=__doc__)
    parser.add_argument("expression")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--modes")
    parser.add_argument("--stage", choices=["expression", "derivative", "ir", "asm", "ptx"])
    parser.add_argument("--arch", default="sm_70", help="of PTX")
    given = parser.parse_args(arguments)
    for title, text in show(given.expression, given.dtype, given.modes, given.stage, given.arch):
        if given.stage is None or title.split()[0] == given.stage:
            print(f"# {title}\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
