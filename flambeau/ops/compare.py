"""Comparisons, logic and bits, element by element."""

from .. import _core
from ..kernels import language as k
from .core.declare import METHODS, pointwise


@pointwise(result="bool", tensors=("input",), oracle="numpy.equal", rounds=True)
def eq(input, other):
    """True where input == other.

    Example:
        >>> torch.eq(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([False, False])
    """
    return input == other


@pointwise(
    result="bool", aliases=("not_equal",), tensors=("input",), oracle="numpy.not_equal", rounds=True
)
def ne(input, other):
    """True where input != other.

    Example:
        >>> torch.ne(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([True, True])
    """
    return input != other


@pointwise(result="bool", aliases=("less",), tensors=("input",), oracle="numpy.less", rounds=True)
def lt(input, other):
    """True where input < other.

    Example:
        >>> torch.lt(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([ True, False])
    """
    return input < other


@pointwise(
    result="bool",
    aliases=("less_equal",),
    tensors=("input",),
    oracle="numpy.less_equal",
    rounds=True,
)
def le(input, other):
    """True where input <= other.

    Example:
        >>> torch.le(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([ True, False])
    """
    return input <= other


@pointwise(
    result="bool", aliases=("greater",), tensors=("input",), oracle="numpy.greater", rounds=True
)
def gt(input, other):
    """True where input > other.

    Example:
        >>> torch.gt(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([False,  True])
    """
    return input > other


@pointwise(
    result="bool",
    aliases=("greater_equal",),
    tensors=("input",),
    oracle="numpy.greater_equal",
    rounds=True,
)
def ge(input, other):
    """True where input >= other.

    Example:
        >>> torch.ge(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([False,  True])
    """
    return input >= other


for _name in "eq ne lt le gt ge".split():
    _core._bind(_name, METHODS[_name])


@pointwise(result="bool", inplace=False)
def isnan(input):
    """True where input is NaN.

    Example:
        >>> torch.isnan(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([False, False, False])
    """
    return k.isnan(input)


@pointwise(result="bool", inplace=False)
def isinf(input):
    """True where input is an infinity.

    Example:
        >>> torch.isinf(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([False, False, False])
    """
    return k.isinf(input)


@pointwise(result="bool", inplace=False)
def isfinite(input):
    """True where input is neither NaN nor an infinity.

    Example:
        >>> torch.isfinite(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([True, True, True])
    """
    return k.isfinite(input)


@pointwise(result="bool", inplace=False)
def isposinf(input):
    """True where input is +inf.

    Example:
        >>> torch.isposinf(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([False, False, False])
    """
    return k.logical_and(input > 0, input == float("inf"))


@pointwise(result="bool", inplace=False)
def isneginf(input):
    """True where input is -inf.

    Example:
        >>> torch.isneginf(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([False, False, False])
    """
    return k.logical_and(input < 0, input == float("-inf"))


@pointwise(result="bool", inplace=False)
def signbit(input):
    """True where the sign bit is set.

    Example:
        >>> torch.signbit(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([ True, False, False])
    """
    return k.signbit(input)


@pointwise(result="bool", inplace=False)
def isreal(input):
    """True where the imaginary part is 0.

    Example:
        >>> torch.isreal(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([True, True, True])
    """
    return k.imag(input) == 0


@pointwise(result="bool", tensors=("input", "other"))
def logical_and(input, other):
    """True where both are nonzero.

    Example:
        >>> torch.logical_and(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([True, True])
    """
    return k.logical_and(input, other)


@pointwise(result="bool", tensors=("input", "other"))
def logical_or(input, other):
    """True where either is nonzero.

    Example:
        >>> torch.logical_or(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([True, True])
    """
    return k.logical_or(input, other)


@pointwise(result="bool", tensors=("input", "other"))
def logical_xor(input, other):
    """True where exactly one is nonzero.

    Example:
        >>> torch.logical_xor(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([False, False])
    """
    return k.logical_xor(input, other)


@pointwise(result="bool", casts_out=True)
def logical_not(input):
    """True where input is zero.

    Example:
        >>> torch.logical_not(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([False,  True, False])
    """
    return k.logical_not(input)


@pointwise(differentiable=False, integers=True)
def bitwise_and(input, other):
    """The bits set in both.

    Example:
        >>> torch.bitwise_and(torch.tensor([6, 5]), torch.tensor([3, 1]))
        tensor([2, 1])
    """
    return input & other


@pointwise(differentiable=False, integers=True)
def bitwise_or(input, other):
    """The bits set in either.

    Example:
        >>> torch.bitwise_or(torch.tensor([6, 5]), torch.tensor([3, 1]))
        tensor([7, 5])
    """
    return input | other


@pointwise(differentiable=False, integers=True)
def bitwise_xor(input, other):
    """The bits set in exactly one.

    Example:
        >>> torch.bitwise_xor(torch.tensor([6, 5]), torch.tensor([3, 1]))
        tensor([5, 4])
    """
    return input ^ other


@pointwise(differentiable=False, integers=True)
def bitwise_not(input):
    """All bits inverted; for bool, not.

    Example:
        >>> torch.bitwise_not(torch.tensor([5, 6]))
        tensor([-6, -7])
    """
    return ~input


@pointwise(differentiable=False, integers=True)
def bitwise_left_shift(input, other):
    """input * 2**other, in bits.

    Example:
        >>> torch.bitwise_left_shift(torch.tensor([6, 5]), torch.tensor([3, 1]))
        tensor([48, 10])
    """
    return input << other


@pointwise(differentiable=False, integers=True)
def bitwise_right_shift(input, other):
    """input / 2**other rounded down, in bits.

    Example:
        >>> torch.bitwise_right_shift(torch.tensor([6, 5]), torch.tensor([3, 1]))
        tensor([0, 2])
    """
    return input >> other


for _name in "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split():
    _core._bind(_name, METHODS[_name])
    _core._bind(_name + "_", METHODS[_name + "_"])
_core._bind("bitwise_not", bitwise_not)
