"""Operators that are called at random, and the operands they may ask for: the same numbers in both libraries."""

import zlib

import numpy as np

FLOATS = ("float32", "float64", "bfloat16")
INTEGERS = ("int64", "uint8")
NUMBERS = FLOATS + INTEGERS
ALL = (*NUMBERS, "bool")

OPERATORS = {}  # name: (dtypes, function(T, x, more), layouts)

# Of each size: a matrix, a tall one, a wide one, and a batch of images.
SIZES = {
    1000: ((20, 50), (100, 10), (10, 100), (1, 4, 16, 16)),
    100000: ((400, 250), (10000, 10), (10, 10000), (4, 16, 40, 40)),
    1000000: ((800, 1250), (100000, 10), (10, 100000), (8, 32, 62, 62)),
}
MATRICES = (
    "contiguous", "transposed", "strided", "rows cut", "expanded", "expanded col", "narrow", "wide",
)  # fmt: skip
IMAGES = ("contiguous", "channels_last", "cut")


def op(name, dtypes, function, layouts=MATRICES):
    """Adds an operator: function(T, x, more) with the library, a tensor, and an Operands for what else it takes."""
    OPERATORS[name] = dtypes, function, layouts


def of_images(name, function, dtypes=FLOATS):
    op(name, dtypes, function, IMAGES)


def shape_of(size, layout, layouts):
    matrix, tall, wide, images = SIZES[size]
    if layouts is IMAGES:
        return images
    return {"narrow": tall, "wide": wide}.get(layout, matrix)


def numbers(dtype, shape, name):
    """Reproducible values; "y1" holds none near 0."""
    random = np.random.default_rng(zlib.crc32(repr((shape, name)).encode()))
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype in INTEGERS:
        low, high = (1, 5) if name == "y1" else (0, 40)
        return random.integers(low, high, shape).astype(dtype)
    low = -1 if name in ("x", "y") else 0.1
    return (random.random(shape) * 2 + low).astype("float64" if dtype == "float64" else "float32")


def laid_out(T, dtype, shape, name, layout="contiguous"):
    """A tensor of that shape whose elements lie as the layout says."""

    def made(*sizes):
        values = np.ascontiguousarray(numbers(dtype, sizes, name))
        return T.from_numpy(values).to(getattr(T, dtype)).clone()

    if layout == "cut" or layout == "channels_last":
        n, c, h, w = shape
        if layout == "cut":
            return made(n, c, h + 2, w + 2)[:, :, 1:-1, 1:-1]
        return made(n, h, w, c).permute(0, 3, 1, 2)
    if layout in ("contiguous", "narrow", "wide"):
        return made(*shape)
    rows, columns = shape
    if layout == "transposed":
        return made(columns, rows).T
    if layout == "strided":
        return made(rows, 2 * columns)[:, ::2]
    if layout == "rows cut":
        return made(rows, columns + 6)[:, 2:-4]
    if layout == "expanded":
        return made(1, columns).expand(*shape)
    return made(rows, 1).expand(*shape)


class Operands:
    """What calls take beside x, each made when it is first asked for."""

    def __init__(self, T, dtype, shape, layout):
        self._made_for = T, dtype, shape, layout

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        value = self._make(name)
        setattr(self, name, value)
        return value

    def _make(self, name):
        T, dtype, shape, layout = self._made_for
        rows, columns = shape[0], shape[-1]

        def indices(high, *sizes):
            random = np.random.default_rng(zlib.crc32(name.encode()))
            return T.from_numpy(random.integers(0, high, sizes))

        def tensor(*sizes, dtype=dtype, layout="contiguous"):
            return laid_out(T, dtype, sizes, name, layout)

        beside = "transposed" if layout == "transposed" else "contiguous"
        writable = layout if layout in ("transposed", "strided", "rows cut") else "contiguous"
        make = {
            "y": lambda: tensor(*shape, layout=beside),
            "y1": lambda: tensor(*shape, layout=beside),
            "out": lambda: tensor(*shape, layout=writable),
            "row": lambda: tensor(columns),
            "col": lambda: tensor(rows, 1),
            "w1": lambda: tensor(columns),  # weights of columns, of channels
            "wc": lambda: tensor(columns),
            "wC": lambda: tensor(shape[1]),
            "m": lambda: tensor(*shape, dtype="bool"),  # masks
            "mr": lambda: tensor(rows, dtype="bool"),
            "mc": lambda: tensor(columns, dtype="bool"),
            "i64": lambda: tensor(*shape, dtype="int64"),
            "f32": lambda: tensor(*shape, dtype="float32"),
            "p": lambda: tensor(*shape).clamp(0, 1),  # probabilities
            "edges": lambda: tensor(30).sort()[0].clone(),
            "i0": lambda: indices(rows, rows),  # indices of rows, of columns
            "i1": lambda: indices(columns, columns),
            "j0": lambda: indices(columns, rows),
            "g0": lambda: indices(rows, *shape),
            "g1": lambda: indices(columns, *shape),
            "t": lambda: indices(rows * columns, *shape),
            "lab": lambda: indices(shape[1], shape[0], *shape[2:]),  # classes
            "p0": lambda: T.from_numpy(np.random.default_rng(5).permutation(rows)),
            "off": lambda: T.arange(0, rows, 5),
            "grid": lambda: laid_out(T, dtype, (shape[0], *shape[2:], 2), "x"),
            "theta": lambda: laid_out(T, dtype, (shape[0], 2, 3), "x"),
            "pooled": lambda: T.nn.functional.max_pool2d(
                laid_out(T, dtype, shape, "x", layout), 2, return_indices=True
            ),
        }
        return make[name]()
