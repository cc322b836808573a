"""Arithmetic and comparison, element by element."""

from .. import _core
from ..kernels import language as k
from .declare import make_pointwise, pointwise

copy = make_pointwise(lambda x: x, name="copy")
_core._bind("copy", copy)


@pointwise
def add(input, other, *, alpha=1):
    """input + alpha * other."""
    return input + alpha * other


@pointwise(aliases=("subtract",))
def sub(input, other, *, alpha=1):
    """input - alpha * other."""
    return input - alpha * other


@pointwise(aliases=("multiply",))
def mul(input, other):
    """input * other."""
    return input * other


@pointwise(compute="floating")
def true_divide(input, other):
    """input / other, floating even for integers."""
    return input / other


@pointwise(aliases=("negative",))
def neg(input):
    """-input."""
    return -input


@pointwise
def exp(input):
    """e to the power input."""
    return k.exp(input)


@pointwise
def relu(input):
    """The positive part of input."""
    return k.where(input > 0, input, 0)


for _name in ("add", "sub", "mul", "true_divide", "neg"):
    from .declare import METHODS

    _core._bind(_name, METHODS[_name])
    _core._bind(_name + "_", METHODS[_name + "_"])
