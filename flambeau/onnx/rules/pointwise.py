"""Element by element."""

import math

import flambeau

from ..builder import Value
from . import rule

_UNARY = {
    "abs": "Abs", "absolute": "Abs", "acos": "Acos", "arccos": "Acos", "acosh": "Acosh", "arccosh": "Acosh",
    "asin": "Asin", "arcsin": "Asin", "asinh": "Asinh", "arcsinh": "Asinh", "atan": "Atan", "arctan": "Atan",
    "atanh": "Atanh", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp",
    "floor": "Floor", "log": "Log", "neg": "Neg", "negative": "Neg", "reciprocal": "Reciprocal", "relu": "Relu",
    "sigmoid": "Sigmoid", "expit": "Sigmoid", "sign": "Sign", "sgn": "Sign", "sin": "Sin", "sinh": "Sinh",
    "softsign": "Softsign", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "hardswish": "HardSwish",
}  # fmt: skip


def _unary(kind):
    return lambda g, input: g.op(kind, g.cast(input, g.out.dtype))


for _name, _kind in _UNARY.items():
    rule(_name)(_unary(_kind))


def promoted(g, *operands, dtype=None):
    """Tensors and numbers in one dtype: the result's, or `dtype`."""
    return [g.cast(value, dtype or g.out.dtype) for value in operands]


def common(*operands):
    """The dtype that PyTorch would compute a comparison of these in."""
    probes = []
    for value in operands:
        if isinstance(value, Value):
            shape = (1,) * (1 if value.shape is None else min(len(value.shape), 1))
            probes.append(flambeau.empty(shape, dtype=value.dtype))
        else:
            probes.append(value)
    return flambeau.result_type(*probes)


# ------------------------------------------------------------------------------------- arithmetic


@rule("add", "__add__", "__radd__")
def add(g, input, other, alpha=1):
    input, other = promoted(g, input, other)
    if g.out.dtype == flambeau.bool:
        return g.op("Or", input, other)
    return g.op("Add", input, other if alpha == 1 else g.op("Mul", other, alpha))


@rule("sub", "subtract", "__sub__")
def sub(g, input, other, alpha=1):
    input, other = promoted(g, input, other)
    return g.op("Sub", input, other if alpha == 1 else g.op("Mul", other, alpha))


@rule("rsub", "__rsub__")
def _(g, input, other, alpha=1):
    return sub(g, other, input, alpha)


@rule("mul", "multiply", "__mul__", "__rmul__")
def mul(g, input, other):
    input, other = promoted(g, input, other)
    return g.op("And" if g.out.dtype == flambeau.bool else "Mul", input, other)


def floor_divided(g, input, other):
    """The quotient rounded down; ONNX's division of integers rounds towards zero."""
    if input.dtype.is_floating_point:
        return g.op("Floor", g.op("Div", input, other))
    return g.op("Div", g.op("Sub", input, g.op("Mod", input, other)), other)


@rule("div", "divide", "true_divide", "__truediv__")
def div(g, input, other, rounding_mode=None):
    input, other = promoted(g, input, other)
    if rounding_mode == "floor":
        return floor_divided(g, input, other)
    result = g.op("Div", input, other)
    if rounding_mode == "trunc" and g.out.dtype.is_floating_point:
        return truncated(g, result)
    return result


@rule("__rtruediv__", "__rdiv__")
def _(g, input, other):
    return div(g, other, input)


@rule("floor_divide", "__floordiv__")
def _(g, input, other):
    return div(g, input, other, "floor")


@rule("__rfloordiv__")
def _(g, input, other):
    return div(g, other, input, "floor")


@rule("remainder", "__mod__")
def _(g, input, other):
    input, other = promoted(g, input, other)
    if not g.out.dtype.is_floating_point:
        return g.op("Mod", input, other)
    return g.op("Sub", input, g.op("Mul", floor_divided(g, input, other), other))


@rule("fmod")
def _(g, input, other):
    return g.op("Mod", *promoted(g, input, other), fmod=1)


@rule("pow", "__pow__", "float_power")
def power(g, input, exponent):
    return g.op("Pow", *promoted(g, input, exponent))


@rule("__rpow__")
def _(g, input, other):
    return power(g, other, input)


@rule("square")
def _(g, input):
    return g.op("Mul", input, input)


@rule("rsqrt")
def _(g, input):
    return g.op("Reciprocal", g.op("Sqrt", g.cast(input, g.out.dtype)))


@rule("exp2")
def _(g, input):
    return g.op("Pow", g.constant(2, g.out.dtype), g.cast(input, g.out.dtype))


@rule("expm1")
def _(g, input):
    return g.op("Sub", g.op("Exp", g.cast(input, g.out.dtype)), 1)


@rule("log1p")
def _(g, input):
    return g.op("Log", g.op("Add", g.cast(input, g.out.dtype), 1))


@rule("log2")
def _(g, input):
    return g.op("Div", g.op("Log", g.cast(input, g.out.dtype)), math.log(2))


@rule("log10")
def _(g, input):
    return g.op("Div", g.op("Log", g.cast(input, g.out.dtype)), math.log(10))


@rule("erfc")
def _(g, input):
    return g.op("Sub", g.constant(1, g.out.dtype), g.op("Erf", g.cast(input, g.out.dtype)))


def truncated(g, value):
    """Rounded towards zero."""
    return g.op("Mul", g.op("Sign", value), g.op("Floor", g.op("Abs", value)))


@rule("trunc", "fix")
def _(g, input):
    return truncated(g, input)


@rule("frac")
def _(g, input):
    return g.op("Sub", input, truncated(g, input))


@rule("round")
def _(g, input, decimals=0):
    if not decimals:
        return g.op("Round", input)
    factor = 10.0**decimals
    return g.op("Div", g.op("Round", g.op("Mul", input, factor)), factor)


@rule("maximum")
def maximum(g, input, other):
    return g.op("Max", *promoted(g, input, other))


@rule("minimum")
def minimum(g, input, other):
    return g.op("Min", *promoted(g, input, other))


@rule("clamp", "clip")
def clamp(g, input, min=None, max=None):
    value = g.cast(input, g.out.dtype)
    if min is not None:
        value = g.op("Max", value, g.cast(min, g.out.dtype))
    return value if max is None else g.op("Min", value, g.cast(max, g.out.dtype))


@rule("clamp_min")
def _(g, input, min):
    return clamp(g, input, min)


@rule("clamp_max")
def _(g, input, max):
    return clamp(g, input, None, max)


@rule("lerp")
def _(g, input, end, weight):
    return g.op("Add", input, g.op("Mul", g.op("Sub", end, input), g.cast(weight, g.out.dtype)))


@rule("addcmul")
def _(g, input, tensor1, tensor2, value=1):
    return g.op("Add", input, g.op("Mul", g.op("Mul", tensor1, tensor2), value))


@rule("addcdiv")
def _(g, input, tensor1, tensor2, value=1):
    return g.op("Add", input, g.op("Mul", g.op("Div", tensor1, tensor2), value))


@rule("atan2", "arctan2")
def _(g, input, other):
    y, x = promoted(g, input, other)
    half = g.op("Atan", g.op("Div", y, x))
    turn = g.op("Where", less(g, y, 0), g.constant(-math.pi, y.dtype), g.constant(math.pi, y.dtype))
    angle = g.op("Where", less(g, x, 0), g.op("Add", half, turn), half, dtype=y.dtype)
    both = g.op("And", equal(g, x, 0), equal(g, y, 0))
    return g.op("Where", both, g.constant(0, y.dtype), angle, dtype=y.dtype)


# ------------------------------------------------------------------------------------ comparisons


def less(g, value, bound):
    return g.op("Less", value, bound, dtype=flambeau.bool)


def equal(g, value, other):
    return g.op("Equal", value, other, dtype=flambeau.bool)


def _compare(kind, negate=False):
    def compare(g, input, other):
        dtype = common(input, other)
        if dtype == flambeau.bool and kind != "Equal":
            dtype = flambeau.int32
        result = g.op(kind, *promoted(g, input, other, dtype=dtype), dtype=flambeau.bool)
        return g.op("Not", result) if negate else result

    return compare


rule("eq", "__eq__")(_compare("Equal"))
rule("ne", "not_equal", "__ne__")(_compare("Equal", negate=True))
rule("lt", "less", "__lt__")(_compare("Less"))
rule("le", "less_equal", "__le__")(_compare("LessOrEqual"))
rule("gt", "greater", "__gt__")(_compare("Greater"))
rule("ge", "greater_equal", "__ge__")(_compare("GreaterOrEqual"))


def _logical(kind):
    def compute(g, input, other):
        return g.op(kind, *promoted(g, input, other, dtype=flambeau.bool))

    return compute


def _bits(kind, bitwise):
    def compute(g, input, other):
        whole = g.out.dtype != flambeau.bool
        if whole and g.opset < 18:
            raise NotImplementedError(
                f"onnx.export: {bitwise} of integers needs opset_version 18 or more."
            )
        return g.op(bitwise if whole else kind, *promoted(g, input, other))

    return compute


for _name, _kind in {"and": "And", "or": "Or", "xor": "Xor"}.items():
    rule(f"logical_{_name}")(_logical(_kind))
    rule(f"bitwise_{_name}", f"__{_name}__", f"__r{_name}__")(_bits(_kind, f"Bitwise{_kind}"))


@rule("logical_not")
def _(g, input):
    return g.op("Not", g.cast(input, flambeau.bool))


@rule("bitwise_not", "__invert__")
def _(g, input):
    return g.op("Not" if input.dtype == flambeau.bool else "BitwiseNot", input)


@rule("isnan")
def _(g, input):
    return g.op("IsNaN", input, dtype=flambeau.bool)


@rule("isinf")
def isinf(g, input):
    return g.op("IsInf", input, dtype=flambeau.bool)


@rule("isfinite")
def _(g, input):
    odd = g.op("Or", isinf(g, input), g.op("IsNaN", input, dtype=flambeau.bool))
    return g.op("Not", odd)


@rule("nan_to_num")
def _(g, input, nan=None, posinf=None, neginf=None):
    info = flambeau.finfo(input.dtype)
    rest = isinf(g, input)
    large = g.op("Where", less(g, input, 0), g.constant(info.min if neginf is None else neginf, input.dtype),
                 g.constant(info.max if posinf is None else posinf, input.dtype), dtype=input.dtype)  # fmt: skip
    value = g.op("Where", rest, large, input, dtype=input.dtype)
    missing = g.op("IsNaN", input, dtype=flambeau.bool)
    return g.op("Where", missing, g.constant(nan or 0.0, input.dtype), value, dtype=input.dtype)


@rule("xlogy")
def _(g, input, other):
    input, other = promoted(g, input, other)
    product = g.op("Mul", input, g.op("Log", other))
    return g.op("Where", equal(g, input, 0), g.constant(0, input.dtype), product, dtype=input.dtype)


@rule("where")
def where(g, condition, input=None, other=None):
    if input is None:
        raise NotImplementedError(
            "onnx.export: where(condition) alone; use torch.nonzero(condition)."
        )
    input, other = promoted(g, input, other)
    return g.op("Where", g.cast(condition, flambeau.bool), input, other, dtype=g.out.dtype)


@rule("masked_fill")
def _(g, input, mask, value):
    return g.op("Where", mask, g.cast(value, input.dtype), input, dtype=input.dtype)


# ------------------------------------------------------------------------------------ activations


@rule("relu6")
def _(g, input):
    return g.op("Clip", input, 0, 6)


@rule("hardtanh")
def _(g, input, min_val=-1.0, max_val=1.0):
    return g.op("Clip", input, min_val, max_val)


@rule("hardsigmoid")
def _(g, input):
    return g.op("HardSigmoid", input, alpha=1 / 6, beta=0.5)


@rule("elu")
def _(g, input, alpha=1.0):
    return g.op("Elu", input, alpha=float(alpha))


@rule("selu")
def _(g, input):
    return g.op("Selu", input)


@rule("celu")
def _(g, input, alpha=1.0):
    return g.op("Celu", input, alpha=float(alpha))


@rule("leaky_relu")
def _(g, input, negative_slope=0.01):
    return g.op("LeakyRelu", input, alpha=float(negative_slope))


@rule("prelu")
def _(g, input, weight):
    if weight.shape[0] > 1 and input.ndim > 2:
        weight = g.unsqueeze(weight, *range(1, input.ndim - 1))
    return g.op("PRelu", input, weight)


@rule("gelu")
def _(g, input, approximate="none"):
    half = g.op("Mul", input, 0.5)
    if approximate == "tanh":
        cube = g.op("Mul", g.op("Mul", g.op("Mul", input, input), input), 0.044715)
        inner = g.op("Tanh", g.op("Mul", g.op("Add", input, cube), math.sqrt(2 / math.pi)))
    else:
        inner = g.op("Erf", g.op("Div", input, math.sqrt(2)))
    return g.op("Mul", half, g.op("Add", inner, 1))


@rule("silu")
def _(g, input):
    return g.op("Mul", input, g.op("Sigmoid", input))


@rule("mish")
def _(g, input):
    return g.op("Mul", input, g.op("Tanh", g.op("Softplus", input)))


@rule("softplus")
def _(g, input, beta=1.0, threshold=20.0):
    scaled = input if beta == 1 else g.op("Mul", input, beta)
    soft = g.op("Softplus", scaled)
    soft = soft if beta == 1 else g.op("Div", soft, beta)
    linear = g.op("Greater", scaled, threshold, dtype=flambeau.bool)
    return g.op("Where", linear, input, soft, dtype=input.dtype)


@rule("logsigmoid")
def _(g, input):
    return g.op("Neg", g.op("Softplus", g.op("Neg", input)))


@rule("tanhshrink")
def _(g, input):
    return g.op("Sub", input, g.op("Tanh", input))


@rule("softshrink")
def _(g, input, lambd=0.5):
    return g.op("Shrink", input, lambd=float(lambd), bias=float(lambd))


@rule("hardshrink")
def _(g, input, lambd=0.5):
    return g.op("Shrink", input, lambd=float(lambd), bias=0.0)


@rule("threshold")
def _(g, input, threshold, value):
    above = g.op("Greater", input, threshold, dtype=flambeau.bool)
    return g.op("Where", above, input, g.constant(value, input.dtype), dtype=input.dtype)


@rule("glu")
def _(g, input, dim=-1):
    half = g.static(input, dim, "glu") // 2
    value, gate = g.op("Split", input, g.axes(half, half), axis=dim % input.ndim, outputs=2)
    return g.op("Mul", value, g.op("Sigmoid", gate))


@rule(
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
    "feature_dropout",
)
def _(g, input, p=0.5, training=True):
    if not training or p == 0:
        return g.op("Identity", input)
    return g.op("Dropout", input, g.constant(p, flambeau.float32), g.constant(True, flambeau.bool))


# ------------------------------------------------------------------------------------- conversions


@rule("float", "double", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool", "type", "type_as", "to",
      "cpu", "clone", "contiguous", "detach", "data.__get__", "real.__get__", "requires_grad_", "alias", "cuda", "resolve_conj",
      "resolve_neg", "positive", "__pos__", "to_dense")  # fmt: skip
def converted(g, input, *args, **kwargs):
    if (
        input.dtype.is_floating_point
        and not g.out.dtype.is_floating_point
        and g.out.dtype != flambeau.bool
    ):
        input = truncated(g, input)
    result = g.cast(input, g.out.dtype)
    return g.op("Identity", input) if result is input else result
