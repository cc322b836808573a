"""Every pointwise operator, 100,000 elements: dtypes, casts and layouts. PyTorch must not be faster."""

import functools

SIZE = 100_000
EFFORT = {"rounds": 5, "block_s": 0.004}  # of harness.compare: many rows

# name: (low, high) of its arguments
UNARY = {
    "exp": (-5, 5), "exp2": (-5, 5), "expm1": (-2, 2), "log": (0.1, 9), "log2": (0.1, 9), "log10": (0.1, 9),
    "log1p": (-0.9, 9), "sqrt": (0, 9), "rsqrt": (0.1, 9), "reciprocal": (0.1, 9), "square": (-5, 5),
    "sin": (-9, 9), "cos": (-9, 9), "tan": (-9, 9), "asin": (-1, 1), "acos": (-1, 1), "atan": (-9, 9),
    "sinh": (-5, 5), "cosh": (-5, 5), "tanh": (-5, 5), "asinh": (-9, 9), "acosh": (1, 9), "atanh": (-0.99, 0.99),
    "erf": (-3, 3), "erfc": (-3, 3), "erfinv": (-0.99, 0.99), "lgamma": (0.1, 20), "digamma": (0.1, 20),
    "sigmoid": (-5, 5), "logit": (0.01, 0.99), "sinc": (-3, 3), "i0": (-9, 9), "abs": (-5, 5), "neg": (-5, 5),
    "sign": (-5, 5), "floor": (-5, 5), "ceil": (-5, 5), "trunc": (-5, 5), "round": (-5, 5), "frac": (-5, 5),
    "isnan": (-5, 5), "isfinite": (-5, 5), "deg2rad": (-5, 5), "nan_to_num": (-5, 5),
}  # fmt: skip
SPECIAL = {
    "i0e": (-9, 9), "i1": (-9, 9), "i1e": (-9, 9), "ndtr": (-4, 4), "ndtri": (0.01, 0.99), "log_ndtr": (-9, 3),
    "erfcx": (-2, 9), "entr": (0.1, 3),
}  # fmt: skip
FUNCTIONAL = ("relu", "gelu", "silu", "mish", "elu", "selu", "softplus", "logsigmoid", "hardswish", "hardtanh",
              "leaky_relu", "softsign", "tanhshrink", "hardsigmoid", "relu6", "celu", "softshrink")  # fmt: skip
BINARY = ("add", "sub", "mul", "div", "pow", "atan2", "fmod", "remainder", "maximum", "minimum", "fmax", "fmin", "hypot",
          "logaddexp", "xlogy", "copysign", "nextafter", "eq", "lt", "floor_divide")  # fmt: skip
INTEGER = (
    "add",
    "sub",
    "mul",
    "maximum",
    "bitwise_and",
    "bitwise_left_shift",
    "eq",
    "lt",
    "floor_divide",
    "remainder",
)
INTEGER_DTYPES = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGER_DTYPES, "float16", "bfloat16", "float32", "float64")


def cases(T):
    F = T.nn.functional
    call = functools.partial
    T.manual_seed(0)

    def uniform(low, high, *sizes, dtype="float32"):
        return (T.rand(*(sizes or (SIZE,)), dtype=T.float64) * (high - low) + low).to(
            getattr(T, dtype)
        )

    for dtype in ("float32", "float64"):
        for name, (low, high) in UNARY.items():
            yield f"{name} {dtype}", 1, call(getattr(T, name), uniform(low, high, dtype=dtype))
        for name, (low, high) in SPECIAL.items():
            yield (
                f"{name} {dtype}",
                1,
                call(getattr(T.special, name), uniform(low, high, dtype=dtype)),
            )
        for name in FUNCTIONAL:
            yield f"{name} {dtype}", 1, call(getattr(F, name), uniform(-5, 5, dtype=dtype))
        x, y = uniform(0.1, 5, dtype=dtype), uniform(0.1, 5, dtype=dtype)
        yield f"gelu tanh {dtype}", 1, call(F.gelu, x, approximate="tanh")
        for name in BINARY:
            yield f"{name} {dtype}", 1, call(getattr(T, name), x, y)
        yield f"pow 2 {dtype}", 1, call(T.pow, x, 2)
        yield f"pow 2.5 {dtype}", 1, call(T.pow, x, 2.5)
        yield f"add number {dtype}", 1, call(T.add, x, 1.5)
        yield f"where {dtype}", 1, call(T.where, x > y, x, y)
        yield f"masked_fill {dtype}", 1, call(x.masked_fill, x > y, 0.0)
        yield f"clamp {dtype}", 1, call(T.clamp, x, 1, 2)
        yield f"lerp {dtype}", 1, call(T.lerp, x, y, 0.3)
        yield f"addcmul {dtype}", 1, call(T.addcmul, x, y, y)

    for dtype in ("float16", "bfloat16"):
        x, y = uniform(0.1, 5, dtype=dtype), uniform(0.1, 5, dtype=dtype)
        for name in ("relu", "gelu", "silu"):
            yield f"{name} {dtype}", 1, call(getattr(F, name), x)
        for name in ("exp", "log", "tanh", "sigmoid", "sqrt", "neg"):
            yield f"{name} {dtype}", 1, call(getattr(T, name), x)
        for name in ("add", "mul", "div", "maximum", "lt"):
            yield f"{name} {dtype}", 1, call(getattr(T, name), x, y)
        yield f"where {dtype}", 1, call(T.where, x > y, x, y)

    for dtype in INTEGER_DTYPES:
        x, y = uniform(1, 100, dtype=dtype), uniform(1, 7, dtype=dtype)
        for name in INTEGER:
            yield f"{name} {dtype}", 1, call(getattr(T, name), x, y)
        yield f"where {dtype}", 1, call(T.where, x > y, x, y)
        yield f"abs {dtype}", 1, call(T.abs, x)
    mask, other = uniform(0, 2, dtype="uint8").bool(), uniform(0, 2, dtype="uint8").bool()
    for name in ("logical_and", "logical_xor", "bitwise_or", "eq"):
        yield f"{name} bool", 1, call(getattr(T, name), mask, other)
    yield "logical_not bool", 1, call(T.logical_not, mask)

    for source in DTYPES:
        x = uniform(0, 100, dtype=source)
        for target in DTYPES:
            if source != target:
                yield f"{source} to {target}", 1, call(x.to, getattr(T, target))

    for dtype in ("float32", "float64", "int64", "bool"):
        wide = uniform(0, 2, 400, 500, dtype=dtype)
        a, b = uniform(0, 2, 250, 400, dtype=dtype), uniform(0, 2, 250, 400, dtype=dtype)
        operator = T.add if dtype != "bool" else T.logical_or
        yield f"{dtype}: contiguous + transposed", 1, call(operator, a, wide.T[:250])
        yield f"{dtype}: transposed + transposed", 1, call(operator, a.T, b.T)
        yield f"{dtype}: + strided [:, ::2]", 1, call(operator, b.view(400, 250), wide[:, ::2])
        yield f"{dtype}: strided [:, ::2] both", 1, call(operator, wide[:, ::2], wide[:, 1::2])
        yield f"{dtype}: rows [::2]", 1, call(operator, wide[::2], wide[1::2])
        yield f"{dtype}: + row", 1, call(operator, a, b[0])
        yield f"{dtype}: + column", 1, call(operator, a, b[:, :1])
        yield f"{dtype}: row + column", 1, call(operator, a[:1], b[:, :1])
        yield f"{dtype}: transposed copy", 1, call(a.T.contiguous)
        yield f"{dtype}: strided copy", 1, call(wide[:, ::2].contiguous)
    x = uniform(-3, 3, 400, 500)
    yield "exp float32 transposed", 1, call(T.exp, x.T)
    yield "exp float32 strided", 1, call(T.exp, x[:, ::2])
