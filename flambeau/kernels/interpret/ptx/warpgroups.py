"""Products of tiles in shared memory by groups of four warps (wgmma), as PTX ISA describes tiles and sums."""

import re

import numpy as np

from .fragments import elements

_THREAD = np.arange(128)
_ROWS = _THREAD // 32 * 16 + _THREAD % 32 // 4  # and the one 8 further
_COLUMNS = 2 * (_THREAD % 4)


def _tile(machine, descriptors, rows, turned, line, lanes):
    """Halves (groups, rows, 16) of tiles that are not swizzled: cores of 8 lines of 16 bytes, the depth innermost, or
    (`turned`) the rows.
    """
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
    across, along = (depth, row) if turned else (row, depth)
    inside = across % eight * np.uint64(16) + along % eight * np.uint64(2)
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


def _fragments(words, kind):
    """(groups, 64, 16) of what each thread holds of the left side."""
    made = np.zeros((words[0].size // 128, 64, 16), np.float32)
    for register, values in enumerate(elements(words, kind)):
        for e, of_one in enumerate(np.moveaxis(values.reshape(-1, 128, 2), -1, 0)):
            rows, columns = _ROWS + 8 * (register % 2), _COLUMNS + 8 * (register // 2) + e
            made[:, rows, columns] = of_one
    return made


def multiply(machine, shape, kind, sums, left, right, turned, line, lanes):
    """The words of sums + A B, a list of registers with a word for each thread; left: one descriptor, or four words."""
    width = int(re.fullmatch(r"m64n(\d+)k16", shape)[1])
    if kind not in ("f16", "bf16") or len(sums) != width // 2:
        raise KeyError(shape)
    values = lambda bits: elements([np.ascontiguousarray(bits).view(np.uint32)], kind).reshape(
        bits.shape
    )
    if len(left) == 1:
        a = values(_tile(machine, left[0], 64, turned[0], line, lanes))
    else:
        a = _fragments(left, kind)
    b = values(_tile(machine, right, width, turned[1], line, lanes))
    product = a.astype(np.float64) @ b.astype(np.float64).swapaxes(1, 2)  # (groups, 64, width)
    made = []
    for e, words in enumerate(sums):
        rows, columns = _ROWS + 8 * (e // 2 % 2), _COLUMNS + 8 * (e // 4) + e % 2
        before = np.ascontiguousarray(words, np.uint32).view(np.float32).reshape(-1, 128)
        made.append((before + product[:, rows, columns]).astype(np.float32).ravel())
    return made
