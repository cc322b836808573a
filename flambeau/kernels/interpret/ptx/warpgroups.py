"""Products of tiles in shared memory by groups of four warps (wgmma), as PTX ISA describes tiles and sums."""

import re

import numpy as np

from .fragments import elements

_THREAD = np.arange(128)
_ROWS = _THREAD // 32 * 16 + _THREAD % 32 // 4  # and the one 8 further
_COLUMNS = 2 * (_THREAD % 4)


def _tile(machine, descriptors, rows, line, lanes):
    """Halves (groups, rows, 16) of tiles with the depth innermost, not swizzled: cores of 8 rows by 16 bytes."""
    per_group = descriptors.reshape(-1, 128)
    if (per_group != per_group[:, :1]).any():
        raise ValueError("the threads of a group name different tiles")
    word = per_group[:, 0]
    if (word >> np.uint64(49)).any():
        raise ValueError("a swizzled tile, or one with an offset, is not known to the interpreter")
    field = lambda at: (word >> np.uint64(at) & np.uint64(0x3FFF)) << np.uint64(4)
    start, leading, stride = (field(at)[:, None, None] for at in (0, 16, 32))
    row, depth = np.arange(rows, dtype=np.uint64)[:, None], np.arange(16, dtype=np.uint64)[None]
    eight = np.uint64(8)
    inside = row % eight * np.uint64(16) + depth % eight * np.uint64(2)
    address = start + depth // eight * leading + row // eight * stride + inside
    first = lanes[::128]
    spread = lambda values: np.repeat(values, rows * 16)
    read = machine.shared.load(
        address.ravel(),
        np.dtype("u2"),
        line,
        spread(machine.cta[first]),
        spread(machine.lanes[first]),
    )
    return read.reshape(address.shape)


def multiply(machine, shape, kind, sums, left, right, line, lanes):
    """The words of sums + A B, a list of registers with a word for each thread."""
    width = int(re.fullmatch(r"m64n(\d+)k16", shape)[1])
    if kind not in ("f16", "bf16") or len(sums) != width // 2:
        raise KeyError(shape)
    values = lambda bits: elements([np.ascontiguousarray(bits).view(np.uint32)], kind).reshape(
        bits.shape
    )
    a = values(_tile(machine, left, 64, line, lanes))
    b = values(_tile(machine, right, width, line, lanes))
    product = a.astype(np.float64) @ b.astype(np.float64).swapaxes(1, 2)  # (groups, 64, width)
    made = []
    for e, words in enumerate(sums):
        rows, columns = _ROWS + 8 * (e // 2 % 2), _COLUMNS + 8 * (e // 4) + e % 2
        before = np.ascontiguousarray(words, np.uint32).view(np.float32).reshape(-1, 128)
        made.append((before + product[:, rows, columns]).astype(np.float32).ravel())
    return made
