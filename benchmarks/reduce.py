"""Reductions and row operators, float32."""

import functools


def cases(T):
    T.manual_seed(0)
    F = T.nn.functional
    for rows, columns in ((1000, 100), (2000, 2000)):
        x = T.rand(rows, columns)
        shape = f"{rows}x{columns}"
        yield f"sum {shape}", 1, functools.partial(T.sum, x)
        yield f"sum dim 0 {shape}", 1, functools.partial(T.sum, x, 0)
        yield f"sum dim 1 {shape}", 1, functools.partial(T.sum, x, 1)
        yield f"mean {shape}", 1, functools.partial(T.mean, x)
        yield f"amax dim 1 {shape}", 1, functools.partial(T.amax, x, 1)
        yield f"var dim 1 {shape}", 1, functools.partial(T.var, x, 1)
        yield f"softmax dim 1 {shape}", 1, functools.partial(T.softmax, x, 1)
        yield f"softmax dim 0 {shape}", 1, functools.partial(T.softmax, x, 0)
        yield f"log_softmax dim 1 {shape}", 1, functools.partial(T.log_softmax, x, 1)
        yield f"layer_norm {shape}", 1, functools.partial(F.layer_norm, x, (columns,))
