"""Arrays in every layout, as (tensor, the same values as a contiguous NumPy array)."""

import numpy as np

import flambeau as fl


def views(shape, seed=0, dtype=np.float64, values=None):
    """Tensors of `shape` over contiguous, transposed, stepped, offset and expanded memory."""
    random = np.random.default_rng(seed)

    def fresh(size):
        if values is not None:
            return random.choice(values, size).astype(dtype)
        return random.standard_normal(size).astype(dtype)

    yield "contiguous", *_pair(fl.from_numpy(fresh(shape)))
    if len(shape) >= 2:
        turned = fl.from_numpy(fresh(shape[::-1]))
        yield "transposed", *_pair(turned.permute(tuple(reversed(range(len(shape))))))
    if len(shape) >= 1:
        doubled = fl.from_numpy(fresh(tuple(2 * size + 1 for size in shape)))
        yield "stepped", *_pair(doubled[tuple(slice(1, None, 2) for _ in shape)])
        yield "expanded", *_pair(fl.from_numpy(fresh((1, *shape[1:]))).expand(shape))


MATRICES = ("plain", "transposed", "padded", "stepped", "rows expanded", "columns expanded")


def matrix_in(layout, rows, columns, numbers):
    """A matrix in one of MATRICES; numbers(*sizes) makes contiguous ones."""
    return {
        "plain": lambda: numbers(rows, columns),
        "transposed": lambda: numbers(columns, rows).t(),
        "padded": lambda: numbers(rows, columns + 5)[:, 2 : columns + 2],
        "stepped": lambda: numbers(2 * rows, 3 * columns)[::2, ::3],
        "rows expanded": lambda: numbers(1, columns).expand(rows, columns),
        "columns expanded": lambda: numbers(rows, 1).expand(rows, columns),
    }[layout]()


def _pair(tensor):
    return tensor, np.ascontiguousarray(tensor.numpy())


def ints(*values, dtype=None):
    """An index tensor from nested lists or an array."""
    return fl.from_numpy(
        np.array(values[0] if len(values) == 1 else values, dtype=dtype or np.int64)
    )
