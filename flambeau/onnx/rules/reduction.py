"""Reductions and scans."""

import math

import flambeau

from . import rule


def dims_of(dim, ndim):
    """A dim, several, or None for all, as a list of numbers from 0 on; None for all."""
    if dim is None:
        return None
    dims = list(dim) if isinstance(dim, (tuple, list)) else [dim]
    return [d % max(ndim, 1) for d in dims] or None


def _reduction(kind):
    def reduce(g, input, dim=None, keepdim=False, dtype=None):
        return g.reduce(kind, g.cast(input, g.out.dtype), dims_of(dim, input.ndim), keepdim)

    return reduce


for _name, _kind in {"sum": "ReduceSum", "mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
                     "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp"}.items():  # fmt: skip
    rule(_name)(_reduction(_kind))


def _extreme(kind, place, pointwise):
    def extreme(g, input, dim=None, keepdim=False):
        from ..builder import Value

        if dim is None:
            return g.reduce(kind, input, None)
        if isinstance(dim, Value):
            from .pointwise import promoted

            return g.op(pointwise, *promoted(g, input, dim))
        dims = dims_of(dim, input.ndim)
        places = g.op(place, input, axis=dims[0], keepdims=int(keepdim), dtype=flambeau.int64)
        return g.reduce(kind, input, dims, keepdim), places

    return lambda g, input, dim=None, keepdim=False, other=None: extreme(
        g, input, dim if other is None else other, keepdim
    )


rule("max")(_extreme("ReduceMax", "ArgMax", "Max"))
rule("min")(_extreme("ReduceMin", "ArgMin", "Min"))


def _place(kind):
    def place(g, input, dim=None, keepdim=False):
        if input.dtype == flambeau.bool:
            input = g.cast(input, flambeau.int32)
        if dim is None:
            flat = g.op("Reshape", input, g.axes(-1))
            return g.op(kind, flat, axis=0, keepdims=0, dtype=flambeau.int64)
        return g.op(kind, input, axis=dim, keepdims=int(keepdim), dtype=flambeau.int64)

    return place


rule("argmax")(_place("ArgMax"))
rule("argmin")(_place("ArgMin"))


def _truth(kind):
    def truth(g, input, dim=None, keepdim=False):
        number = g.cast(g.cast(input, flambeau.bool), flambeau.int32)
        return g.cast(g.reduce(kind, number, dims_of(dim, input.ndim), keepdim), flambeau.bool)

    return truth


rule("any")(_truth("ReduceMax"))
rule("all")(_truth("ReduceMin"))


@rule("count_nonzero")
def _(g, input, dim=None):
    number = g.cast(g.cast(input, flambeau.bool), flambeau.int64)
    return g.reduce("ReduceSum", number, dims_of(dim, input.ndim))


def moments(g, input, dims, keepdim, correction):
    """(mean, variance); the variance divides by the count less `correction`."""
    dims = list(range(input.ndim)) if dims is None else dims
    mean = g.reduce("ReduceMean", input, dims, keepdim=True)
    centred = g.op("Sub", input, mean)
    total = g.reduce("ReduceSum", g.op("Mul", centred, centred), dims, keepdim)
    if any(d in input.dynamic for d in dims):
        count = g.constant([1], flambeau.int64)
        for d in dims:
            count = g.op("Mul", count, g.ints([g.size(input, d)]))
        divisor = g.op("Sub", g.cast(g.squeeze(count, 0), input.dtype), correction)
    else:
        divisor = g.constant(math.prod(input.shape[d] for d in dims) - correction, input.dtype)
    mean = mean if keepdim else g.squeeze(mean, *dims)
    return mean, g.op("Div", total, divisor)


def _variance(root, with_mean):
    def compute(g, input, dim=None, unbiased=None, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased in (None, True) else 0
        mean, variance = moments(g, input, dims_of(dim, input.ndim), keepdim, correction)
        variance = g.op("Sqrt", variance) if root else variance
        return (variance, mean) if with_mean else variance

    return compute


rule("var")(_variance(False, False))
rule("std")(_variance(True, False))
rule("var_mean")(_variance(False, True))
rule("std_mean")(_variance(True, True))


def norm(g, input, p=2, dim=None, keepdim=False):
    dims = dims_of(dim, input.ndim)
    if p in (None, "fro", 2):
        return g.op("Sqrt", g.reduce("ReduceSum", g.op("Mul", input, input), dims, keepdim))
    size = g.op("Abs", input)
    if p == 1:
        return g.reduce("ReduceSum", size, dims, keepdim)
    if p in (math.inf, "inf"):
        return g.reduce("ReduceMax", size, dims, keepdim)
    if p == -math.inf:
        return g.reduce("ReduceMin", size, dims, keepdim)
    if not isinstance(p, (int, float)) or p == 0:
        raise NotImplementedError(f"onnx.export: norm with p={p!r}.")
    total = g.reduce("ReduceSum", g.op("Pow", size, float(p)), dims, keepdim)
    return g.op("Pow", total, 1.0 / p)


@rule("norm")
def _(g, input, p="fro", dim=None, keepdim=False, dtype=None):
    return norm(g, g.cast(input, g.out.dtype), p, dim, keepdim)


@rule("vector_norm")
def _(g, x, ord=2, dim=None, keepdim=False, dtype=None):
    return norm(g, g.cast(x, g.out.dtype), ord, dim, keepdim)


# ---------------------------------------------------------------------------------- along one dim


def _softmax(kind):
    def softmax(g, input, dim=None, dtype=None, _stacklevel=3):
        if dim is None:
            raise NotImplementedError(f"onnx.export: {kind} without dim. Give dim=.")
        return g.op(kind, g.cast(input, g.out.dtype), axis=dim)

    return softmax


rule("softmax")(_softmax("Softmax"))
rule("log_softmax")(_softmax("LogSoftmax"))


@rule("softmin")
def _(g, input, dim=None, dtype=None, _stacklevel=3):
    return _softmax("Softmax")(g, g.op("Neg", input), dim)


@rule("cumsum")
def _(g, input, dim, dtype=None):
    return g.op("CumSum", g.cast(input, g.out.dtype), g.constant(dim, flambeau.int64))


@rule("logcumsumexp")
def _(g, input, dim):
    top = g.reduce("ReduceMax", input, [dim], keepdim=True)
    scaled = g.op("CumSum", g.op("Exp", g.op("Sub", input, top)), g.constant(dim, flambeau.int64))
    return g.op("Add", g.op("Log", scaled), top)
