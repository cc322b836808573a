"""The map schedule on a GPU: a thread computes an element, then the one a whole grid further.

    kernel(i64 numel, i64 operands[2 n], i64 dims[(1 + n) ndim])

operands: 16 bytes for each, outputs first, a pointer or the value itself. dims: of each dimension,
innermost first, its size and every operand's stride in bytes. `letters` has one of each operand (c:
contiguous along the innermost, s: one value there, g: any stride, v: the value itself) and then the
number of dimensions, 0 for flat memory, which needs no strides.
"""

from ..emit import Module, Value
from ..expression import topological
from ..function import Function
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES


def write(map_, in_dtypes, as_dtypes, out_dtypes, letters):
    """The LLVM IR."""
    dtypes, n_out = (*out_dtypes, *in_dtypes), len(out_dtypes)
    n = len(dtypes)
    modes, ndim = letters[:n], int(letters[n:])
    target = PtxTarget()
    parameters = f"i64 %numel, ptr byval([{2 * n} x i64]) align 16 %operands"
    if ndim:
        parameters += f", ptr byval([{(1 + n) * ndim} x i64]) align 8 %dims"
    f = Function(Module(target), "kernel", parameters)
    block = f.at(1)
    slots = [f.offset("%operands", 16 * k) for k in range(n)]
    fixed, pointers = {}, {}
    for k, (slot, mode) in enumerate(zip(slots, modes)):
        if mode == "v":
            fixed[k] = block.convert(block.load(slot, dtypes[k]), as_dtypes[k - n_out])
        else:
            pointers[k] = f.emit(f"load ptr, ptr {slot}, align 8")
    first, step = target.thread(f)
    with f.loop(first, "%numel", step) as element:
        places = _places(f, element, pointers, modes, dtypes, ndim, n)
        if any(m.op == "index" for m in topological(map_.expressions)):
            block.index = Value("int64", element)
        inputs = [
            fixed[k]
            if k in fixed
            else block.convert(block.load(places[k], dtypes[k]), as_dtypes[k - n_out])
            for k in range(n_out, n)
        ]
        for k, value in enumerate(lower(block, map_.expressions, inputs)):
            block.store(value, dtypes[k], places[k])
    f.finish()
    return f.module.text()


def _places(f, element, pointers, modes, dtypes, ndim, n):
    """Where the operands' elements number `element` lie."""
    if not ndim:
        return {
            k: p if modes[k] == "s" else f.offset(p, f.mul(element, DTYPES[dtypes[k]].itemsize))
            for k, p in pointers.items()
        }
    coordinates, rest = [], element
    for d in range(ndim - 1):
        size = f.element("%dims", d * (1 + n), "i64")
        quotient = f.emit(f"udiv i64 {rest}, {size}")
        coordinates.append(f.sub(rest, f.mul(quotient, size)))
        rest = quotient
    coordinates.append(rest)
    places = {}
    for k, pointer in pointers.items():
        for d, coordinate in enumerate(coordinates):
            if d == 0 and modes[k] == "s":
                continue
            if d == 0 and modes[k] == "c":
                stride = DTYPES[dtypes[k]].itemsize
            else:
                stride = f.element("%dims", d * (1 + n) + 1 + k, "i64")
            pointer = f.offset(pointer, f.mul(coordinate, stride))
        places[k] = pointer
    return places
