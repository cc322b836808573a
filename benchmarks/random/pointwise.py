"""Operators element by element, in place and with out=."""

from .calls import ALL, FLOATS, INTEGERS, NUMBERS, op

for n in """
    exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh
    atanh sqrt rsqrt sigmoid erf erfc erfinv lgamma digamma reciprocal logit sinc i0 floor
    ceil round trunc frac
""".split():
    op(
        n,
        FLOATS if n in ("frac",) else FLOATS + ("int64",),
        lambda T, x, more, n=n: getattr(T, n)(x),
    )
for n in """
    abs neg sign square positive isnan isfinite isinf isposinf signbit sgn nan_to_num deg2rad
    logical_not angle
""".split():
    op(n, NUMBERS if n != "logical_not" else ALL, lambda T, x, more, n=n: getattr(T, n)(x))
op("bitwise_not", INTEGERS + ("bool",), lambda T, x, more: T.bitwise_not(x))
for n in "i0e i1 i1e ndtri log_ndtr entr erfcx bessel_j0".split():
    op("special." + n, FLOATS[:2], lambda T, x, more, n=n: getattr(T.special, n)(x))
for n in """
    relu relu6 gelu silu mish hardswish hardsigmoid hardtanh elu selu celu leaky_relu softplus
    softsign logsigmoid tanhshrink softshrink hardshrink
""".split():
    op("F." + n, FLOATS, lambda T, x, more, n=n: getattr(T.nn.functional, n)(x))
op("F.gelu tanh", FLOATS, lambda T, x, more: T.nn.functional.gelu(x, approximate="tanh"))
op("F.threshold", FLOATS, lambda T, x, more: T.nn.functional.threshold(x, 0.3, 0.1))
op("F.prelu", FLOATS, lambda T, x, more: T.nn.functional.prelu(x, more.w1))
op("F.glu", FLOATS, lambda T, x, more: T.nn.functional.glu(x))
for n in "add sub mul maximum minimum eq ne lt le gt ge".split():
    op(n, NUMBERS if n == "sub" else ALL, lambda T, x, more, n=n: getattr(T, n)(x, more.y))
for n in "div fmod remainder floor_divide".split():
    op(n, FLOATS if n == "div" else NUMBERS, lambda T, x, more, n=n: getattr(T, n)(x, more.y1))
for n in """
    pow atan2 hypot logaddexp logaddexp2 copysign fmax fmin xlogy nextafter heaviside
    float_power
""".split():
    op(
        n,
        FLOATS if n != "nextafter" else FLOATS[:2],
        lambda T, x, more, n=n: getattr(T, n)(x, more.y),
    )
for n in "gcd lcm bitwise_and bitwise_or bitwise_xor".split():
    op(n, ("int64", "uint8"), lambda T, x, more, n=n: getattr(T, n)(x, more.y))
op("shift", INTEGERS, lambda T, x, more: x << 2)
op("shift tensor", INTEGERS, lambda T, x, more: T.bitwise_right_shift(x, more.y))
for n in "logical_and logical_or logical_xor".split():
    op(n, ALL, lambda T, x, more, n=n: getattr(T, n)(x, more.y))
op("add number", ALL, lambda T, x, more: x + 2)
op("mul number", NUMBERS, lambda T, x, more: x * 3)
op("rsub", NUMBERS, lambda T, x, more: 2 - x)
op("div number", NUMBERS, lambda T, x, more: x / 3)
op("add float", NUMBERS, lambda T, x, more: x + 2.5)
op("pow 2", NUMBERS, lambda T, x, more: x**2)
op("pow 3", NUMBERS, lambda T, x, more: x**3)
op("pow .5", FLOATS, lambda T, x, more: x**0.5)
op("2 pow", FLOATS, lambda T, x, more: 2.0**x)
op("mod number", NUMBERS, lambda T, x, more: x % 3)
op("floordiv number", NUMBERS, lambda T, x, more: x // 3)
op("eq number", ALL, lambda T, x, more: x == 1)
op("lt number", ALL, lambda T, x, more: x < 1)
op("clamp", NUMBERS, lambda T, x, more: x.clamp(1, 2))
op("clamp min", NUMBERS, lambda T, x, more: x.clamp(min=1))
op("clamp tensor", FLOATS, lambda T, x, more: T.clamp(x, more.y, more.y1))
op("lerp", FLOATS, lambda T, x, more: T.lerp(x, more.y, 0.3))
op("lerp tensor", FLOATS, lambda T, x, more: T.lerp(x, more.y, more.y1))
op("addcmul", FLOATS, lambda T, x, more: T.addcmul(x, more.y, more.y1))
op("addcdiv", FLOATS, lambda T, x, more: T.addcdiv(x, more.y, more.y1))
op("where", ALL, lambda T, x, more: T.where(more.m, x, more.y))
op("where number", ALL, lambda T, x, more: T.where(more.m, x, 0))
op("masked_fill", ALL, lambda T, x, more: x.masked_fill(more.m, 1))
op("add row", ALL, lambda T, x, more: x + more.row)
op("mul col", ALL, lambda T, x, more: x * more.col)
op("add alpha", NUMBERS, lambda T, x, more: T.add(x, more.y, alpha=2))
op("isclose", FLOATS, lambda T, x, more: T.isclose(x, more.y))
op("allclose", FLOATS, lambda T, x, more: T.allclose(x, x))
op("equal", ALL, lambda T, x, more: T.equal(x, x.clone()))
op("mixed add int", FLOATS, lambda T, x, more: x + more.i64)
op("mixed mul bool", NUMBERS, lambda T, x, more: x * more.m)
op("mixed add float", INTEGERS + ("bool",), lambda T, x, more: x + more.f32)
op("polygamma", FLOATS[:2], lambda T, x, more: T.polygamma(1, x))
op("cumulative", FLOATS, lambda T, x, more: T.cumulative_trapezoid(x, dim=1))
op("trapezoid", FLOATS, lambda T, x, more: T.trapezoid(x, dim=1))
op("complex", FLOATS[:2], lambda T, x, more: T.complex(x, more.y))
op("polar", FLOATS[:2], lambda T, x, more: T.polar(x, more.y))
for n in "add_ mul_ copy_ sub_".split():
    op(n, NUMBERS, lambda T, x, more, n=n: getattr(more.out, n)(x))
op("fill_", ALL, lambda T, x, more: more.out.fill_(1))
op("zero_", ALL, lambda T, x, more: more.out.zero_())
op("masked_fill_", ALL, lambda T, x, more: more.out.masked_fill_(more.m, 1))
op("relu_", FLOATS, lambda T, x, more: more.out.relu_())
op("add out", NUMBERS, lambda T, x, more: T.add(x, more.y, out=more.out))
op("exp out", FLOATS, lambda T, x, more: T.exp(x, out=more.out))
