"""Products of a warp's matrix fragments (mma.sync), as PTX ISA lays them over lanes."""

import numpy as np

_LANE = np.arange(32)
_GROUP, _QUAD = _LANE // 4, _LANE % 4
_HALVES = {"f16": 2, "bf16": 2, "tf32": 1}  # elements of a word
_DEPTHS = {
    ("m16n8k16", 2): (4, 2),
    ("m16n8k8", 2): (2, 1),
    ("m16n8k8", 1): (4, 2),
    ("m16n8k4", 1): (2, 1),
}


def elements(words, kind):
    """Words of 4 bytes as float32, (words, warps, lanes, elements of a word)."""
    bits = np.stack([np.ascontiguousarray(w, np.uint32) for w in words])
    if kind == "tf32":
        return (bits & np.uint32(0xFFFFE000)).view(np.float32)[..., None]
    if kind == "f16":
        return bits[..., None].view(np.float16).astype(np.float32)
    return (bits[..., None].view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)


def multiply(shape, kind, a, b, c, warps):
    """The words of D = A B + C: lists of registers, each with a word for every lane of `warps` warps."""
    each = _HALVES[kind]
    n_a, n_b = _DEPTHS[shape, each]
    if (len(a), len(b), len(c)) != (n_a, n_b, 4):
        raise KeyError(shape)
    depth = 4 * each * n_b
    left, right = np.zeros((warps, 16, depth), np.float32), np.zeros((warps, depth, 8), np.float32)
    shaped = lambda words: elements(words, kind).reshape(len(words), warps, 32, each)
    for register, values in enumerate(shaped(a)):
        rows = _GROUP + 8 * (register % 2)
        for e in range(each):
            left[:, rows, each * (_QUAD + 4 * (register // 2)) + e] = values[..., e]
    for register, values in enumerate(shaped(b)):
        for e in range(each):
            right[:, each * (_QUAD + 4 * register) + e, _GROUP] = values[..., e]
    made = np.zeros((warps, 16, 8), np.float32)
    for register, words in enumerate(c):
        values = np.ascontiguousarray(words, np.uint32).view(np.float32).reshape(warps, 32)
        made[:, _GROUP + 8 * (register // 2), 2 * _QUAD + register % 2] = values
    # Products are exact in float64 and so are, nearly, their sums: hardware is not asked for more.
    made = (left.astype(np.float64) @ right.astype(np.float64) + made).astype(np.float32)
    return [
        made[:, _GROUP + 8 * (register // 2), 2 * _QUAD + register % 2].reshape(-1)
        for register in range(4)
    ]
