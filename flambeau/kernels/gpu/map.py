"""The map schedule on a GPU: a thread computes an element, then the one a whole grid further.

    kernel(i64 numel, i64 operands[2 n], i64 dims[(1 + n) ndim])

operands: 16 bytes for each, outputs first, a pointer or the value itself. dims: of each dimension,
innermost first, its size and every operand's stride in bytes. `letters` has one of each operand (c:
contiguous along the innermost, s: one value there, g: any stride, v: the value itself) and then the
number of dimensions, 0 for flat memory, which needs no strides.

Behind an L stands how many calls a launch can take, each a row of the grid, over flat memory:

    kernel(i64 numels[calls], i64 pointers[calls][tensors], i64 values[2 numbers])
"""

from ..emit import Module, Value
from ..expression import topological
from ..function import Function
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES
from . import blocks


def write(map_, in_dtypes, as_dtypes, out_dtypes, letters):
    """The LLVM IR."""
    dtypes, n_out = (*out_dtypes, *in_dtypes), len(out_dtypes)
    n = len(dtypes)
    if letters[n] == "L":
        return _write_list(map_, dtypes, as_dtypes, n_out, letters[:n], int(letters[n + 1 :]))
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
        _compute(block, map_, dtypes, as_dtypes, fixed, places)
    f.finish()
    return f.module.text()


def _compute(block, map_, dtypes, as_dtypes, fixed, places):
    """Loads the operands that are not `fixed`, and stores the results; outputs come first in dtypes and places."""
    n_out = len(dtypes) - len(as_dtypes)
    inputs = [
        fixed[k]
        if k in fixed
        else block.convert(block.load(places[k], dtypes[k]), as_dtypes[k - n_out])
        for k in range(n_out, len(dtypes))
    ]
    for k, value in enumerate(lower(block, map_.expressions, inputs)):
        block.store(value, dtypes[k], places[k])


def _write_list(map_, dtypes, as_dtypes, n_out, modes, calls):
    n = len(dtypes)
    tensors = [i for i in range(n) if modes[i] != "v"]
    numbers = [i for i in range(n) if modes[i] == "v"]
    f = Function(
        Module(PtxTarget()),
        "kernel",
        f"ptr byval([{calls} x i64]) align 8 %numels, "
        f"ptr byval([{calls * len(tensors)} x i64]) align 8 %pointers, "
        f"ptr byval([{2 * max(len(numbers), 1)} x i64]) align 16 %values",
    )
    block = f.at(1)
    given = {
        i: block.convert(block.load(f.offset("%values", 16 * at), dtypes[i]), as_dtypes[i - n_out])
        for at, i in enumerate(numbers)
    }
    call = blocks.register(f, "ctaid.y")
    entry = f.offset("%pointers", f.mul(call, 8 * len(tensors)))
    pointers = {i: f.element(entry, at, "ptr") for at, i in enumerate(tensors)}
    numel = f.element(f.offset("%numels", f.mul(call, 8)), 0, "i64")
    first, step = f.module.target.thread(f)
    with f.loop(first, numel, step) as element:
        places = {
            i: f.offset(p, f.mul(element, DTYPES[dtypes[i]].itemsize)) for i, p in pointers.items()
        }
        _compute(block, map_, dtypes, as_dtypes, given, places)
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
