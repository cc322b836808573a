"""Every pointwise operator, 100,000 elements: dtypes, casts and layouts. PyTorch must not be faster."""

import functools

SIZE = 100_000
EFFORT = {"rounds": 5, "block_s": 0.004}  # of harness.compare: many rows

INTEGER_DTYPES = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGER_DTYPES, "float16", "bfloat16", "float32", "float64")


def found(T, name):
    """PyTorch's or our function of a declared operator; None where it has no such name."""
    for space in (T, T.special, T.nn.functional):
        if hasattr(space, name.removeprefix("special_")):
            return getattr(space, name.removeprefix("special_"))


def declared(T, n_inputs, integers=False):
    """(name, function, (low, high) of its operands) of each pointwise operator of so many tensors.

    integers: of those alone whose operands may be whole numbers that stay what they are.
    """
    from flambeau.ops.core.declare import POINTWISE

    for name, operator in sorted(POINTWISE.items()):
        spec, function = operator.spec, found(T, name)
        whole = spec.compute in ("promoted", "counted") and operator.domain is None
        if (
            spec.n_inputs == n_inputs
            and function
            and (whole if integers else not operator.integers)
        ):
            yield name, function, operator.domain or (-5, 5)


def timed(label, function, *operands):
    """The row of a call; none where the operator does not take these operands."""
    try:
        function(*operands)
    except (TypeError, RuntimeError):  # NotImplementedError is one
        return
    yield label, 1, functools.partial(function, *operands)


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
        x, y = uniform(0.1, 5, dtype=dtype), uniform(0.1, 5, dtype=dtype)
        yield f"gelu {dtype}", 1, call(F.gelu, x)
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
        for name, function, _ in declared(T, 1):
            yield from timed(f"{name} {dtype}", function, x)
        for name, function, _ in declared(T, 2):
            yield from timed(f"{name} {dtype}", function, x, y)
        yield f"where {dtype}", 1, call(T.where, x > y, x, y)

    for dtype in INTEGER_DTYPES:
        x, y = uniform(1, 100, dtype=dtype), uniform(1, 7, dtype=dtype)
        for name, function, _ in declared(T, 1, integers=True):
            yield from timed(f"{name} {dtype}", function, x)
        for name, function, _ in declared(T, 2, integers=True):
            yield from timed(f"{name} {dtype}", function, x, y)
        yield f"where {dtype}", 1, call(T.where, x > y, x, y)
    mask, other = uniform(0, 2, dtype="uint8").bool(), uniform(0, 2, dtype="uint8").bool()
    for name, function, _ in declared(T, 1, integers=True):
        yield from timed(f"{name} bool", function, mask)
    for name, function, _ in declared(T, 2, integers=True):
        yield from timed(f"{name} bool", function, mask, other)

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
