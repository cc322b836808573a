"""Reading and writing by index on a GPU.

    take:     out[...] = source[..., with some coordinates from indices]
    segments: rows of a source, sorted by the row of the target that they go to, are joined in that order
    compact:  the places of what is true, by a running count

Indices are int64. One that is out of range (below 0 it counts from the end) is reported: the first of a
launch writes itself, the limit and the number of its call to `report`, which the host reads when it waits.
"""

from ..emit import Module
from ..function import Function, Variables
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES, compute_dtype

_WORDS = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "<2 x i64>"}


def write_take(itemsize, ndim, n_indices):
    """kernel(i64 numel, i64 pointers[2 + n], i64 dims[(3 + n) ndim], i64 facts[2 n], i64 report[2])

    pointers: out, source, indices. dims: of each dimension of out, innermost first: its size, and bytes
    from place to place in out, in the source and in each index. facts: of each index the size of the
    dimension it stands for and the bytes of a step there. report: address, number of the call.
    """
    n = n_indices
    f = Function(
        Module(PtxTarget()),
        "kernel",
        f"i64 %numel, ptr byval([{2 + n} x i64]) align 8 %pointers, "
        f"ptr byval([{(3 + n) * ndim} x i64]) align 8 %dims, "
        f"ptr byval([{2 * n} x i64]) align 8 %facts, ptr byval([2 x i64]) align 8 %report",
    )
    pointers = [f.element("%pointers", i, "ptr") for i in range(2 + n)]
    first, step = f.module.target.thread(f)
    with f.loop(first, "%numel", step) as element:
        places, rest = list(pointers), element
        for d in range(ndim):
            base = d * (3 + n)
            coordinate = rest
            if d + 1 < ndim:
                size = f.element("%dims", base, "i64")
                rest = f.emit(f"udiv i64 {coordinate}, {size}")
                coordinate = f.sub(coordinate, f.mul(rest, size))
            places = [
                f.offset(p, f.mul(coordinate, f.element("%dims", base + 1 + i, "i64")))
                for i, p in enumerate(places)
            ]
        out, source = places[:2]
        outside = f.slot("i64")
        f.do(f"store i64 0, ptr {outside}")
        for i, place in enumerate(places[2:]):
            index = f.emit(f"load i64, ptr {place}, align 8")
            size = f.element("%facts", 2 * i, "i64")
            index = checked(f, index, size, outside)
            source = f.offset(source, f.mul(index, f.element("%facts", 2 * i + 1, "i64")))
        ok = f.emit(f"load i64, ptr {outside}")
        type = _WORDS[itemsize]
        align = min(itemsize, 8)
        with f.when("eq", ok, 0):
            value = f.emit(f"load {type}, ptr {source}, align {align}")
            f.do(f"store {type} {value}, ptr {out}, align {align}")
    f.finish()
    return f.module.text()


def checked(f, index, size, outside, wraps=True):
    """An index counted from the beginning; where it is out of range, that is reported and `outside` set."""
    wrapped = f.pick("slt", index, 0, f.add(index, size), index) if wraps else index
    inside = f.emit(f"icmp ult i64 {wrapped}, {size}")
    flag = f.emit(f"zext i1 {inside} to i64")
    with f.when("eq", flag, 0):
        f.do(f"store i64 1, ptr {outside}")
        report = f.element("%report", 0, "ptr")
        pair = f.emit(f"cmpxchg ptr {report}, i64 0, i64 1 monotonic monotonic")
        won = f.emit(f"extractvalue {{ i64, i1 }} {pair}, 1")
        won = f.emit(f"zext i1 {won} to i64")
        with f.when("ne", won, 0):
            for i, value in enumerate((index, size, f.element("%report", 1, "i64"))):
                f.do(f"store i64 {value}, ptr {f.offset(report, 8 * (i + 1))}, align 8")
    return f.emit(f"select i1 {inside}, i64 {wrapped}, i64 0")


def _begun(words, n):
    """(kernel, out, source) of a kernel over numel elements, with n more integers and the report of what is outside."""
    f = Function(
        Module(PtxTarget()),
        "kernel",
        f"i64 %numel, ptr byval([2 x i64]) align 8 %pointers, ptr byval([{n} x i64]) align 8 %{words}, "
        "ptr byval([2 x i64]) align 8 %report",
    )
    return f, *(f.element("%pointers", i, "ptr") for i in range(2))


def write_classes():
    """kernel(i64 numel, i64 pointers[2], i64 facts[2], i64 report[2]): targets below facts[0]; 0 for those that are facts[1]."""
    f, out, source = _begun("facts", 2)
    size, ignored = (f.element("%facts", i, "i64") for i in range(2))
    first, step = f.module.target.thread(f)
    with f.loop(first, "%numel", step) as element:
        offset = f.mul(element, 8)
        given = f.emit(f"load i64, ptr {f.offset(source, offset)}, align 8")
        index = f.pick("eq", given, ignored, 0, given)
        outside = f.slot("i64")
        # Counting from the end is for indices only.
        index = checked(f, index, size, outside, wraps=False)
        f.do(f"store i64 {index}, ptr {f.offset(out, offset)}, align 8")
    f.finish()
    return f.module.text()


def write_check():
    """kernel(i64 numel, i64 pointers[2], i64 sizes[1], i64 report[2]): indices counted from the beginning."""
    f, out, source = _begun("limits", 1)
    size = f.element("%limits", 0, "i64")
    first, step = f.module.target.thread(f)
    with f.loop(first, "%numel", step) as element:
        offset = f.mul(element, 8)
        index = f.emit(f"load i64, ptr {f.offset(source, offset)}, align 8")
        outside = f.slot("i64")
        index = checked(f, index, size, outside)
        f.do(f"store i64 {index}, ptr {f.offset(out, offset)}, align 8")
    f.finish()
    return f.module.text()


_STEPS = {
    "add": lambda k, s, x: s + x,
    "multiply": lambda k, s, x: s * x,
    "minimum": lambda k, s, x: k.minimum(x, s),
    "maximum": lambda k, s, x: k.maximum(x, s),
    "assign": lambda k, s, x: x,
}


def write_segments(dtype, combine, include):
    """kernel(i64 sizes[2], i64 pointers[4])

    sizes: rows of the source, elements of a row. pointers: target, source, order (the source's rows by
    the target's row), keys (the target's row of each, in that order); all rows contiguous. The thread of
    the first row of a segment takes its element of all of them, in order; `include`: beginning with what
    the target holds.
    """
    from .. import language
    from ..expression import input as symbol

    f = Function(
        Module(PtxTarget()),
        "kernel",
        "ptr byval([2 x i64]) align 8 %sizes, ptr byval([4 x i64]) align 8 %pointers",
    )
    block, compute = f.at(1), compute_dtype(dtype)
    n, width = (f.element("%sizes", i, "i64") for i in range(2))
    target, source, order, keys = (f.element("%pointers", i, "ptr") for i in range(4))
    itemsize = DTYPES[dtype].itemsize
    if dtype == "bool" and combine in ("add", "multiply"):
        combine = "maximum" if combine == "add" else "minimum"
    root = _STEPS[combine](language, symbol(0), symbol(1))
    state = Variables(f, [compute], 1)
    load64 = lambda p, i: f.emit(f"load i64, ptr {f.offset(p, f.mul(i, 8))}, align 8")
    first, step = f.module.target.thread(f)
    with f.loop(first, f.mul(n, width), step) as element:
        p = f.emit(f"udiv i64 {element}, {width}")
        q = f.sub(element, f.mul(p, width))
        key = load64(keys, p)
        before = load64(keys, f.emit(f"call i64 @llvm.smax.i64(i64 {f.sub(p, 1)}, i64 0)"))
        f.module.declare("llvm.smax.i64", "i64", ["i64", "i64"])
        begins = f.emit(f"icmp ne i64 {before}, {key}")
        starts = f.emit(f"icmp eq i64 {p}, 0")
        begins = f.emit(f"zext i1 {f.emit(f'or i1 {begins}, {starts}')} to i64")
        with f.when("ne", begins, 0):
            place = f.offset(target, f.mul(f.add(f.mul(key, width), q), itemsize))
            item = lambda row: block.convert(
                block.load(f.offset(source, f.mul(f.add(f.mul(row, width), q), itemsize)), dtype),
                compute,
            )
            start = p
            if include:
                state.set([block.convert(block.load(place, dtype), compute)])
            else:
                state.set([item(load64(order, p))])
                start = f.add(p, 1)
            at = f.slot("i64")
            f.do(f"store i64 {start}, ptr {at}")
            _while_same(
                f,
                at,
                n,
                key,
                load64,
                keys,
                lambda r: state.set(
                    [
                        block.convert(
                            lower(block, [root], [state.get()[0], item(load64(order, r))])[0],
                            compute,
                        )
                    ]
                ),
            )
            block.store(state.get()[0], dtype, place)
    f.finish()
    return f.module.text()


def _while_same(f, at, n, key, load64, keys, body):
    """for (; at < n && keys[at] == key; ++at) body(at)"""
    head, check, inside, done = (f.fresh(h) for h in ("rows", "row", "same", "end"))
    f.do(f"br label %{head}")
    f.label(head)
    r = f.emit(f"load i64, ptr {at}")
    more = f.emit(f"icmp slt i64 {r}, {n}")
    f.do(f"br i1 {more}, label %{check}, label %{done}")
    f.label(check)
    same = f.emit(f"icmp eq i64 {load64(keys, r)}, {key}")
    f.do(f"br i1 {same}, label %{inside}, label %{done}")
    f.label(inside)
    body(r)
    f.do(f"store i64 {f.add(r, 1)}, ptr {at}")
    f.do(f"br label %{head}")
    f.label(done)


def write_compact():
    """kernel(i64 numel, i64 pointers[2]): out[count[i] - 1] = i wherever the running count rises."""
    f = Function(
        Module(PtxTarget()), "kernel", "i64 %numel, ptr byval([2 x i64]) align 8 %pointers"
    )
    out, counts = (f.element("%pointers", i, "ptr") for i in range(2))
    f.module.declare("llvm.smax.i64", "i64", ["i64", "i64"])
    first, step = f.module.target.thread(f)
    with f.loop(first, "%numel", step) as element:
        count = f.emit(f"load i64, ptr {f.offset(counts, f.mul(element, 8))}, align 8")
        earlier = f.emit(f"call i64 @llvm.smax.i64(i64 {f.sub(element, 1)}, i64 0)")
        before = f.emit(f"load i64, ptr {f.offset(counts, f.mul(earlier, 8))}, align 8")
        before = f.pick("eq", element, 0, 0, before)
        with f.when("ne", before, count):
            place = f.offset(out, f.mul(f.sub(count, 1), 8))
            f.do(f"store i64 {element}, ptr {place}, align 8")
    f.finish()
    return f.module.text()
