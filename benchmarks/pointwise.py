"""Pointwise operators, contiguous float32."""

import functools

UNARY = ("exp", "log", "tanh", "sigmoid", "erf")
FUNCTIONAL = ("gelu", "silu")


def cases(T):
    T.manual_seed(0)
    for size in (100_000, 4_000_000):
        x = T.rand(size) + 0.1
        y = T.rand(size) + 0.1
        mask = x > y
        for name in UNARY:
            yield f"{name} {size:,}", 1.5, functools.partial(getattr(T, name), x)
        for name in FUNCTIONAL:
            yield f"{name} {size:,}", 1.5, functools.partial(getattr(T.nn.functional, name), x)
        yield f"pow {size:,}", 1.5, functools.partial(T.pow, x, y)
        yield f"add {size:,}", 1, functools.partial(T.add, x, y)
        yield f"mul {size:,}", 1, functools.partial(T.mul, x, y)
        yield f"where {size:,}", 1, functools.partial(T.where, mask, x, y)
        yield f"clamp {size:,}", 1, functools.partial(T.clamp, x, 0.3, 0.7)
