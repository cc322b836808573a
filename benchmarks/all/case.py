"""Rows of the table, families of them, and the tensors they work on."""

import zlib

import numpy as np

FAMILIES = {}


def family(name, *sizes):
    """Declare a generator of rows, function(T, size), run once for each size and library."""

    def declare(function):
        FAMILIES.setdefault(name, []).append((function, sizes))
        return function

    return declare


class Row:
    """A call to time: function(*args), of which `flops` operations and the bytes of args and result are the least."""

    def __init__(self, name, function, *args, flops=0):
        self.name = name
        self.function = function
        self.args = args
        self.flops = flops

    def run(self):
        """Calls and reads where the first result lies, so that nothing is left to be done."""
        result = self.function(*self.args)
        first = result
        while isinstance(first, (tuple, list)) and first:
            first = first[0]
        if hasattr(first, "data_ptr"):
            first.data_ptr()
        return result


def forward_and_backward(T, name, function, *args, flops=0):
    """Two rows: the call, and the call with the gradients of all its floating arguments."""
    yield Row(name, function, *args, flops=flops)
    yield backward(T, name, function, *args, flops=flops)


def backward(T, name, function, *args, flops=0):
    """The call and the gradients of all its floating arguments."""
    leaves = [a.detach().requires_grad_() if is_floating(a) else a for a in args]
    wanted = [a for a in leaves if is_floating(a)]
    first = function(*leaves)
    grad = filled(T, *(first[0] if isinstance(first, tuple) else first).shape)

    def both(*leaves):
        out = function(*leaves)
        return T.autograd.grad(out[0] if isinstance(out, tuple) else out, wanted, grad)

    return Row(f"{name}, backward", both, *leaves, flops=3 * flops)


def is_floating(a):
    return hasattr(a, "is_floating_point") and a.is_floating_point()


def generator(sizes, *more):
    return np.random.default_rng(zlib.crc32(repr((sizes, more)).encode()))


def filled(T, *sizes, dtype="float32", low=-1, high=1):
    """Uniform numbers, the same for both libraries."""
    rng = generator(sizes, low, high)
    if dtype == "bool":
        values = rng.random(sizes) < 0.5
    elif "int" in dtype:
        values = rng.integers(low, high, sizes)
    else:
        values = rng.random(sizes, dtype=np.float32) * np.float32(high - low) + np.float32(low)
    return T.from_numpy(np.asarray(values)).to(getattr(T, dtype)).clone()


def indices(T, high, *sizes):
    return filled(T, *sizes, dtype="int64", low=0, high=high)


def mask(T, *sizes):
    return filled(T, *sizes, dtype="bool")


def permutation(T, n):
    return T.from_numpy(generator((n,)).permutation(n))


def short(n):
    """1,000 as 1e3."""
    text = f"{n:.0e}".replace("e+0", "e")
    return text if n >= 1000 and float(text) == n else str(n)
