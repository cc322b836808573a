"""Comparisons, logic and bits, element by element."""

from .. import _core
from ..kernels import language as k
from .core.declare import METHODS, pointwise


@pointwise(result="bool", tensors=("input",))
def eq(input, other):
    """True where input == other."""
    return input == other


@pointwise(result="bool", aliases=("not_equal",), tensors=("input",))
def ne(input, other):
    """True where input != other."""
    return input != other


@pointwise(result="bool", aliases=("less",), tensors=("input",))
def lt(input, other):
    """True where input < other."""
    return input < other


@pointwise(result="bool", aliases=("less_equal",), tensors=("input",))
def le(input, other):
    """True where input <= other."""
    return input <= other


@pointwise(result="bool", aliases=("greater",), tensors=("input",))
def gt(input, other):
    """True where input > other."""
    return input > other


@pointwise(result="bool", aliases=("greater_equal",), tensors=("input",))
def ge(input, other):
    """True where input >= other."""
    return input >= other


for _name in "eq ne lt le gt ge".split():
    _core._bind(_name, METHODS[_name])


@pointwise(result="bool", inplace=False)
def isnan(input):
    """True where input is NaN."""
    return k.isnan(input)


@pointwise(result="bool", inplace=False)
def isinf(input):
    """True where input is an infinity."""
    return k.isinf(input)


@pointwise(result="bool", inplace=False)
def isfinite(input):
    """True where input is neither NaN nor an infinity."""
    return k.isfinite(input)


@pointwise(result="bool", inplace=False)
def isposinf(input):
    """True where input is +inf."""
    return k.logical_and(input > 0, input == float("inf"))


@pointwise(result="bool", inplace=False)
def isneginf(input):
    """True where input is -inf."""
    return k.logical_and(input < 0, input == float("-inf"))


@pointwise(result="bool", inplace=False)
def signbit(input):
    """True where the sign bit is set."""
    return k.signbit(input)


@pointwise(result="bool", inplace=False)
def isreal(input):
    """True where the imaginary part is 0."""
    return k.imag(input) == 0


@pointwise(result="bool", tensors=("input", "other"))
def logical_and(input, other):
    """True where both are nonzero."""
    return k.logical_and(input, other)


@pointwise(result="bool", tensors=("input", "other"))
def logical_or(input, other):
    """True where either is nonzero."""
    return k.logical_or(input, other)


@pointwise(result="bool", tensors=("input", "other"))
def logical_xor(input, other):
    """True where exactly one is nonzero."""
    return k.logical_xor(input, other)


@pointwise(result="bool", casts_out=True)
def logical_not(input):
    """True where input is zero."""
    return k.logical_not(input)


@pointwise(differentiable=False, integers=True)
def bitwise_and(input, other):
    """The bits set in both."""
    return input & other


@pointwise(differentiable=False, integers=True)
def bitwise_or(input, other):
    """The bits set in either."""
    return input | other


@pointwise(differentiable=False, integers=True)
def bitwise_xor(input, other):
    """The bits set in exactly one."""
    return input ^ other


@pointwise(differentiable=False, integers=True)
def bitwise_not(input):
    """All bits inverted; for bool, not."""
    return ~input


@pointwise(differentiable=False, integers=True)
def bitwise_left_shift(input, other):
    """input * 2**other, in bits."""
    return input << other


@pointwise(differentiable=False, integers=True)
def bitwise_right_shift(input, other):
    """input / 2**other rounded down, in bits."""
    return input >> other


for _name in "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split():
    _core._bind(_name, METHODS[_name])
    _core._bind(_name + "_", METHODS[_name + "_"])
_core._bind("bitwise_not", bitwise_not)
for _symbol, _name in {
    "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
}.items():
    METHODS[_symbol] = METHODS[_name]
