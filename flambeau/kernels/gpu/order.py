"""Sorting on a GPU: rows of int64 keys with their places, merged run by run.

    kernel(i64 sizes[3], i64 pointers[4])

sizes: rows, their length, the length of the runs that are in order. pointers: keys and places there,
keys and places of the result. Each element finds its place in the joined pair of runs by a binary search in
the other one: an element of the left run goes behind what is smaller there, one of the right run behind what is
smaller or equal, so equal keys keep their order.
"""

from ..emit import Module
from ..function import Function
from ..targets.ptx import PtxTarget


def write():
    """The LLVM IR of one pass."""
    f = Function(
        Module(PtxTarget()),
        "kernel",
        "ptr byval([3 x i64]) align 8 %sizes, ptr byval([4 x i64]) align 8 %pointers",
    )
    rows, n, w = (f.element("%sizes", i, "i64") for i in range(3))
    keys, places, out_keys, out_places = (f.element("%pointers", i, "ptr") for i in range(4))
    load = lambda p, i: f.emit(f"load i64, ptr {f.offset(p, f.mul(i, 8))}, align 8")
    first, step = f.module.target.thread(f)
    with f.loop(first, f.mul(rows, n), step) as element:
        row = f.emit(f"udiv i64 {element}, {n}")
        base = f.mul(row, n)
        p = f.sub(element, base)
        twice = f.mul(w, 2)
        start = f.mul(f.emit(f"udiv i64 {p}, {twice}"), twice)
        middle = f.smaller(f.add(start, w), n)
        end = f.smaller(f.add(start, twice), n)
        key = load(keys, element)
        is_left = f.emit(f"icmp slt i64 {p}, {middle}")
        low, high = f.slot("i64"), f.slot("i64")
        f.do(f"store i64 {f.emit(f'select i1 {is_left}, i64 {middle}, i64 {start}')}, ptr {low}")
        f.do(f"store i64 {f.emit(f'select i1 {is_left}, i64 {end}, i64 {middle}')}, ptr {high}")
        head, body, done = (f.fresh(h) for h in ("search", "half", "found"))
        f.do(f"br label %{head}")
        f.label(head)
        lo, hi = f.emit(f"load i64, ptr {low}"), f.emit(f"load i64, ptr {high}")
        more = f.emit(f"icmp slt i64 {lo}, {hi}")
        f.do(f"br i1 {more}, label %{body}, label %{done}")
        f.label(body)
        half = f.emit(f"lshr i64 {f.add(lo, hi)}, 1")
        other = load(keys, f.add(base, half))
        below = f.emit(f"icmp slt i64 {other}, {key}")
        equal = f.emit(f"icmp eq i64 {other}, {key}")
        right_equal = f.emit(f"select i1 {is_left}, i1 false, i1 {equal}")
        before = f.emit(f"or i1 {below}, {right_equal}")
        f.do(
            f"store i64 {f.emit(f'select i1 {before}, i64 {f.add(half, 1)}, i64 {lo}')}, ptr {low}"
        )
        f.do(f"store i64 {f.emit(f'select i1 {before}, i64 {hi}, i64 {half}')}, ptr {high}")
        f.do(f"br label %{head}")
        f.label(done)
        found = f.emit(f"load i64, ptr {low}")
        # Its own offset in its run, and how many of the other run come before it.
        other_start = f.emit(f"select i1 {is_left}, i64 {middle}, i64 {start}")
        own_start = f.emit(f"select i1 {is_left}, i64 {start}, i64 {middle}")
        to = f.add(start, f.add(f.sub(p, own_start), f.sub(found, other_start)))
        to = f.mul(f.add(base, to), 8)
        f.do(f"store i64 {key}, ptr {f.offset(out_keys, to)}, align 8")
        f.do(f"store i64 {load(places, element)}, ptr {f.offset(out_places, to)}, align 8")
    f.finish()
    return f.module.text()
