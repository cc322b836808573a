"""The map schedule on a GPU: a thread computes an element, then the one a whole grid further.

    kernel(i64 numel, i64 operands[2 n], i64 dims[(1 + n) ndim])

operands: 16 bytes for each, outputs first, a pointer or the value itself. dims: of each dimension,
innermost first, its size and every operand's stride in bytes. `letters` has one of each operand (c:
contiguous along the innermost, s: one value there, g: any stride, v: the value itself), then V where 16 bytes of
the widest operand can be read at once (no operand is g; every line begins where its vectors may), N where the
elements can be counted in 32 bits, and the number of dimensions, 0 for flat memory, which needs no strides.

Behind an L stands how many calls a launch can take, each a row of the grid, over flat memory:

    kernel(i64 numels[calls], i64 pointers[calls][tensors], i64 values[2 numbers])
"""

from ..emit import Module, Value
from ..expression import topological
from ..function import Function
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES
from . import blocks, vectors

_LONGEST = 2000  # lines of IR that vectors may make of a kernel


def write(map_, in_dtypes, as_dtypes, out_dtypes, letters):
    """The LLVM IR."""
    dtypes = (*out_dtypes, *in_dtypes)
    n = len(dtypes)
    if letters[n] == "L":
        return _write_list(
            map_, dtypes, as_dtypes, len(out_dtypes), letters[:n], int(letters[n + 1 :])
        )
    flags, ndim = letters[n:].rstrip("0123456789"), int(letters[n:].lstrip("VN"))
    form = letters[:n], ndim, "N" in flags
    text, size = _text(map_, dtypes, as_dtypes, *form, 1)
    moving = [DTYPES[d].itemsize for d, mode in zip(dtypes, letters) if mode != "v"]
    lanes = 16 // max(moving)
    # Heavy functions keep all units busy one by one, and are compiled in a fraction of the time.
    while lanes > 1 and size * lanes > _LONGEST:
        lanes //= 2
    return _text(map_, dtypes, as_dtypes, *form, lanes)[0] if "V" in flags and lanes > 1 else text


def _text(map_, dtypes, as_dtypes, modes, ndim, narrow, lanes):
    """(the LLVM IR, lines of it) where a thread takes `lanes` elements that lie side by side."""
    n, n_out = len(dtypes), len(dtypes) - len(as_dtypes)
    parameters = f"i64 %numel, ptr byval([{2 * n} x i64]) align 16 %operands"
    if ndim:
        parameters += f", ptr byval([{(1 + n) * ndim} x i64]) align 8 %dims"
    f = Function(Module(PtxTarget()), "kernel", parameters)
    block = f.at(1)
    slots = [f.offset("%operands", 16 * k) for k in range(n)]
    fixed, pointers = {}, {}
    for k, (slot, mode) in enumerate(zip(slots, modes)):
        if mode == "v":
            fixed[k] = block.convert(block.load(slot, dtypes[k]), as_dtypes[k - n_out])
        else:
            pointers[k] = f.emit(f"load ptr, ptr {slot}, align 8")
    first, step = f.module.target.thread(f)
    single = {k for k in pointers if modes[k] == "s"}
    whole = f.round_down("%numel", lanes)
    with f.loop(f.mul(first, lanes), whole, f.mul(step, lanes)) as element:
        places = _places(f, element, pointers, modes, dtypes, ndim, narrow)
        _compute(block, map_, dtypes, as_dtypes, fixed, places, element, lanes, single)
    if lanes > 1 and not ndim:  # lines of several dimensions are whole
        with f.loop(f.add(whole, first), "%numel", step) as element:
            places = _places(f, element, pointers, modes, dtypes, ndim, narrow)
            _compute(block, map_, dtypes, as_dtypes, fixed, places, element)
    f.finish()
    return f.module.text(), len(f.lines)


def _compute(
    block, map_, dtypes, as_dtypes, fixed, places, element=None, lanes=1, single=frozenset()
):
    """Loads the operands that are not `fixed`, and stores the results; outputs come first in dtypes and places.

    All `lanes` elements are loaded, each in one go (but for the `single` ones), before the first is computed.
    """
    n_out = len(dtypes) - len(as_dtypes)
    inputs = []
    for k in range(n_out, len(dtypes)):
        if k in fixed:
            inputs.append([fixed[k]] * lanes)
            continue
        if k in single:
            loaded = [block.load(places[k], dtypes[k])] * lanes
        else:
            loaded = vectors.load(block, places[k], dtypes[k], lanes)
        inputs.append([block.convert(value, as_dtypes[k - n_out]) for value in loaded])
    counts = any(m.op == "index" for m in topological(map_.expressions))
    made = []
    for lane in range(lanes):
        if counts:
            block.index = Value("int64", block.op("add", "i64", element, lane))
        made.append(lower(block, map_.expressions, [values[lane] for values in inputs]))
    for k, values in enumerate(zip(*made)):
        vectors.store(block, values, dtypes[k], places[k])


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


def _places(f, element, pointers, modes, dtypes, ndim, narrow):
    """Where the operands' elements number `element` lie."""
    if not ndim:
        return {
            k: p if modes[k] == "s" else f.offset(p, f.mul(element, DTYPES[dtypes[k]].itemsize))
            for k, p in pointers.items()
        }
    n = len(dtypes)
    coordinates, rest = [], element
    for d in range(ndim - 1):
        size = f.element("%dims", d * (1 + n), "i64")
        times = quotient(f, rest, size, narrow)
        coordinates.append(f.sub(rest, f.mul(times, size)))
        rest = times
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


def quotient(f, a, b, narrow):
    """a / b; of numbers of 32 bits it takes a fraction of the time."""
    if not narrow:
        return f.emit(f"udiv i64 {a}, {b}")
    a, b = (f.emit(f"trunc i64 {x} to i32") for x in (a, b))
    return f.emit(f"zext i32 {f.emit(f'udiv i32 {a}, {b}')} to i64")
