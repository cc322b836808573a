"""Running sums and extrema on a GPU: a thread goes along a row.

    kernel(i64 sizes[3], i64 pointers[3])

sizes: rows outside, elements of a row, rows inside: row (o, i) has its elements at (o n + j) inner + i.
pointers: input, values, places (of extrema; else unused). All contiguous.
"""

from ..emit import Module, Value, constant
from ..expression import input as symbol
from ..function import Function, Variables
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES, compute_dtype


def write(kind, in_dtype, out_dtype):
    """The LLVM IR; kind: sum, product, logsumexp, maximum, minimum."""
    from .. import language as k

    f = Function(
        Module(PtxTarget()),
        "kernel",
        "ptr byval([3 x i64]) align 8 %sizes, ptr byval([3 x i64]) align 8 %pointers",
    )
    outer, n, inner = (f.element("%sizes", i, "i64") for i in range(3))
    source, values, places = (f.element("%pointers", i, "ptr") for i in range(3))
    block = f.at(1)
    extremum = kind in ("maximum", "minimum")
    compute = compute_dtype(out_dtype)
    wide = {"float32": "float64", "complex64": "complex128"}.get(compute, compute)
    kept = wide if kind in ("sum", "product") else compute
    state = Variables(f, [kept, "int64"] if extremum else [kept], 1)
    s, x = symbol(0), symbol(1)
    if kind == "sum":
        root = s + x
    elif kind == "product":
        root = s * x
    elif kind == "logsumexp":
        top, low = k.maximum(s, x), k.minimum(s, x)
        apart = k.where(top == low, 0, low - top)
        root = k.where(
            k.isnan(s) | k.isnan(x),
            s + x,
            k.where(k.abs(top) == float("inf"), top, top + k.log1p(k.exp(apart))),
        )
    elif kind == "maximum":
        root = k.isnan(x) | ~(k.isnan(s) | (x < s))
    else:
        root = k.isnan(x) | ~(k.isnan(s) | (x > s))
    sizes = DTYPES[in_dtype].itemsize, DTYPES[out_dtype].itemsize
    first, step = f.module.target.thread(f)
    with f.loop(first, f.mul(outer, inner), step) as row:
        o = f.emit(f"udiv i64 {row}, {inner}")
        i = f.sub(row, f.mul(o, inner))
        start = f.add(f.mul(f.mul(o, n), inner), i)

        def item(j):
            at = f.add(start, f.mul(j, inner))
            value = block.load(f.offset(source, f.mul(at, sizes[0])), in_dtype)
            return at, block.convert(value, kept)

        def put(at):
            got = state.get()
            block.store(got[0], out_dtype, f.offset(values, f.mul(at, sizes[1])))
            if extremum:
                block.store(got[1], "int64", f.offset(places, f.mul(at, 8)))

        at, value = item("0")
        state.set([value, block.convert(constant(0), "int64")] if extremum else [value])
        put(at)
        with f.loop(1, n) as j:
            at, value = item(j)
            before = state.get()
            (made,) = lower(block, [root], [before[0], value])
            if extremum:
                taken = made.name
                register = DTYPES[kept].register
                state.set(
                    [
                        Value(kept, block.select(taken, register, value.name, before[0].name)),
                        Value("int64", block.select(taken, "i64", j, before[1].name)),
                    ]
                )
            else:
                state.set([block.convert(made, kept)])
            put(at)
    f.finish()
    return f.module.text()
