"""Every pointwise operator, 100,000 elements: dtypes, casts and layouts. PyTorch must not be faster."""

import functools

SIZE = 100_000
EFFORT = {"rounds": 5, "block_s": 0.004}  # of harness.compare: many rows

FUNCTIONAL = ("relu", "gelu", "silu", "mish", "elu", "selu", "softplus", "logsigmoid", "hardswish", "hardtanh",
              "leaky_relu", "softsign", "tanhshrink", "hardsigmoid", "relu6", "celu", "softshrink")  # fmt: skip
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


def found(T, name):
    """PyTorch's or our function of a declared operator; None where it has no such name."""
    for space in (T, T.special, T.nn.functional):
        if hasattr(space, name.removeprefix("special_")):
            return getattr(space, name.removeprefix("special_"))


def declared(T, n_inputs):
    """(name, function, (low, high) of its operands) of each pointwise operator of so many tensors."""
    from flambeau.ops.core.declare import POINTWISE

    for name, operator in sorted(POINTWISE.items()):
        if operator.spec.n_inputs == n_inputs and not operator.integers and found(T, name):
            yield name, found(T, name), operator.domain or (-5, 5)


def cases(T):
    F = T.nn.functional
    call = functools.partial
    T.manual_seed(0)

    def uniform(low, high, *sizes, dtype="float32"):
        return (T.rand(*(sizes or (SIZE,)), dtype=T.float64) * (high - low) + low).to(
            getattr(T, dtype)
        )

    for dtype in ("float32", "float64"):
        for name, function, (low, high) in declared(T, 1):
            yield f"{name} {dtype}", 1, call(function, uniform(low, high, dtype=dtype))
        names = {name for name, *_ in declared(T, 1)}
        for name in [name for name in FUNCTIONAL if name not in names]:
            yield f"{name} {dtype}", 1, call(getattr(F, name), uniform(-5, 5, dtype=dtype))
        x, y = uniform(0.1, 5, dtype=dtype), uniform(0.1, 5, dtype=dtype)
        yield f"gelu tanh {dtype}", 1, call(F.gelu, x, approximate="tanh")
        for name, function, (low, high) in declared(T, 2):
            pair = (uniform(low, high, dtype=dtype) for _ in range(2))
            yield f"{name} {dtype}", 1, call(function, *pair)
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
