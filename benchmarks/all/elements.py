"""Pointwise operators over dtypes and layouts, casts, reductions, scans."""

from functools import partial

from .case import Row, backward, family, filled, forward_and_backward, mask

SIZES = (1_000, 100_000, 4_000_000)
UNARY = ("exp", "log", "tanh", "sigmoid", "sqrt", "rsqrt", "sin", "erf", "abs", "floor", "reciprocal")  # fmt: skip
BINARY = ("add", "mul", "div", "pow", "maximum", "atan2", "remainder", "lt")
ACTIVATIONS = ("relu", "gelu", "silu", "softplus", "elu", "hardswish", "leaky_relu")
OTHER_DTYPES = ("float64", "bfloat16", "float16", "int64", "int32", "uint8")
CASTS = (
    *(("float32", to) for to in ("float64", "bfloat16", "float16", "int64", "uint8", "bool")),
    *((of, "float32") for of in ("float64", "bfloat16", "float16", "int64", "uint8", "bool")),
)
REDUCED = ("sum", "mean", "prod", "amax", "argmax", "var", "std", "norm")
ALONG = ("sum", "mean", "amax", "max", "argmax", "var", "logsumexp", "norm", "softmax", "log_softmax")  # fmt: skip
SCANS = ("cumsum", "cumprod", "cummax", "logcumsumexp")


@family("pointwise", *SIZES)
def pointwise(T, n):
    x, y = filled(T, n, low=0.1, high=3), filled(T, n, low=0.2, high=3)
    for name in UNARY:
        yield Row(name, getattr(T, name), x)
    for name in BINARY:
        yield Row(name, getattr(T, name), x, y)
    yield Row("add number", lambda x: x + 1.5, x)
    yield Row("pow 2", lambda x: x**2, x)
    yield Row("clamp", lambda x: x.clamp(1, 2), x)
    yield Row("lerp", lambda x, y: T.lerp(x, y, 0.3), x, y)
    yield Row("addcmul", T.addcmul, x, x, y)
    yield Row("where", T.where, mask(T, n), x, y)
    yield Row("masked_fill", lambda x, m: x.masked_fill(m, 0.0), x, mask(T, n))
    yield Row("add_ in place", lambda x, y: x.add_(y), x.clone(), T.zeros(n))
    yield Row("mul_ number in place", lambda x: x.mul_(1.0), x.clone())
    for dtype in OTHER_DTYPES:
        a, b = filled(T, n, dtype=dtype, low=1, high=7), filled(T, n, dtype=dtype, low=1, high=5)
        for name in ("add", "mul", "eq"):
            yield Row(f"{name} {dtype}", getattr(T, name), a, b)
        yield Row(f"where {dtype}", T.where, mask(T, n), a, b)
    for dtype in ("float64", "bfloat16"):
        for name in ("exp", "tanh"):
            yield Row(f"{name} {dtype}", getattr(T, name), filled(T, n, dtype=dtype))
    yield Row("logical_and bool", T.logical_and, mask(T, n), ~mask(T, n))
    yield Row("add complex64", T.add, T.complex(x, y), T.complex(y, x))


@family("activations", *SIZES)
def activations(T, n):
    x = filled(T, n, low=-3, high=3)
    for name in ACTIVATIONS:
        yield from forward_and_backward(T, name, getattr(T.nn.functional, name), x)
    yield Row("dropout", lambda x: T.nn.functional.dropout(x, 0.1), x)


@family("layouts", 32, 320, 2000)
def layouts(T, n):
    a, b, wide = filled(T, n, n), filled(T, n, n, low=0.5), filled(T, n, 2 * n)
    yield Row("add row", T.add, a, b[0])
    yield Row("add column", T.add, a, b[:, :1])
    yield Row("row + column", T.add, a[:1], b[:, :1])
    yield Row("mul expanded", T.mul, a, b[:1].expand(n, n))
    yield Row("add transposed", T.add, a, b.T)
    yield Row("add both transposed", T.add, a.T, b.T)
    yield Row("add [:, ::2]", T.add, wide[:, ::2], wide[:, 1::2])
    yield Row("add rows [::2]", T.add, a[::2], b[::2])
    yield Row("exp transposed", T.exp, a.T)
    yield Row("exp [:, ::2]", T.exp, wide[:, ::2])
    yield Row("add into [:, ::2]", lambda x, y: x.add_(y), wide[:, ::2], T.zeros(n, n))
    yield Row("sum transposed, dim 0", lambda x: x.T.sum(0), a)
    yield Row("sum [:, ::2], dim 1", lambda x: x.sum(1), wide[:, ::2])
    yield Row("float64 add row", T.add, a.double(), b[0].double())
    yield Row("int64 add column", T.add, a.long(), b[:, :1].long())
    yield Row("bias of channels", T.add, filled(T, 4, n, n // 4, 8), filled(T, n, 1, 1))
    yield from forward_and_backward(T, "mul row", T.mul, a, b[0])
    yield from forward_and_backward(T, "mul column", T.mul, a, b[:, :1])


@family("casts", *SIZES)
def casts(T, n):
    for source, target in CASTS:
        x = filled(T, n, dtype=source, low=0, high=100)
        yield Row(f"{source} to {target}", partial(T.Tensor.to, dtype=getattr(T, target)), x)


@family("reductions", *SIZES)
def reductions(T, n):
    x = filled(T, n, low=0.9, high=1.1)
    rows, columns = x.view(-1, 100), x.view(100, -1)
    for name in REDUCED:
        yield Row(f"{name} of all", getattr(T, name), x)
    for name in ALONG:
        along = partial(getattr(T, name), dim=-1)
        yield Row(f"{name} last of (n, 100)", along, rows)
        yield Row(f"{name} last of (100, n)", along, columns)
        yield Row(f"{name} first of (n, 100)", partial(getattr(T, name), dim=0), rows)
    yield Row("any", T.any, x > 2)
    yield Row("all, last", lambda x: T.all(x, -1), rows > 0)
    yield Row("count_nonzero", T.count_nonzero, x)
    yield Row("sum of bool", T.sum, x > 1)
    yield Row("sum middle", lambda x: x.view(10, -1, 10).sum(1), x)
    yield Row("aminmax", T.aminmax, x)
    for dtype in ("float64", "bfloat16", "int64", "uint8"):
        a = filled(T, n, dtype=dtype, low=0, high=5)
        yield Row(f"sum {dtype}", T.sum, a)
        yield Row(f"amax {dtype}, last", lambda a: a.amax(-1), a.view(-1, 100))
    for name in ("sum", "mean", "amax", "var", "logsumexp", "softmax", "log_softmax"):
        yield backward(T, f"{name}, last", partial(getattr(T, name), dim=-1), rows)


@family("scans", *SIZES)
def scans(T, n):
    x = filled(T, n, low=0.9, high=1.1)
    for name in SCANS:
        down, across = (partial(getattr(T, name), dim=d) for d in (0, 1))
        yield Row(f"{name} of one row", down, x)
        yield Row(f"{name} last of (n, 100)", across, x.view(-1, 100))
        yield Row(f"{name} first of (n, 100)", down, x.view(-1, 100))
    yield Row("cumsum int64", lambda x: x.cumsum(0), filled(T, n, dtype="int64", low=0, high=9))
    yield Row("cumsum of bool", lambda x: x.cumsum(0), mask(T, n))
    yield Row("diff", T.diff, x)
    for name in ("cumsum", "cumprod"):
        yield backward(T, f"{name} of rows", partial(getattr(T, name), dim=1), x.view(-1, 100))
