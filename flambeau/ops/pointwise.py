"""Arithmetic, element by element; extremes.py and pairs.py have more of two operands."""

import functools

from .. import _core
from ..kernels import language as k
from .core.arguments import require_tensors
from .core.declare import METHODS, composite, make_pointwise, pointwise, register


def no_complex(dtypes):
    """Why complex operands are not taken."""
    if any(dtype.startswith("complex") for dtype in dtypes):
        return "takes no complex numbers. Take .real, .imag or .abs() of them."
    return None


copy = make_pointwise(lambda x: x, name="copy", casts_out=True, float8=True)
_core._bind("copy", copy)


@pointwise(rounds=True, slope_rounds=(), numbers=True)
def add(input, other, *, alpha=1):
    """input + alpha * other."""
    return input + alpha * other


@pointwise(
    aliases=("subtract",),
    oracle="numpy.subtract",
    takes_bool=False,
    rounds=True,
    slope_rounds=(),
    numbers=True,
)
def sub(input, other, *, alpha=1):
    """input - alpha * other."""
    return input - alpha * other


@pointwise(inplace=False, tensors=("input",), takes_bool=False, rounds=True, slope_rounds=())
def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    return other - alpha * input


@pointwise(aliases=("multiply",), oracle="numpy.multiply", numbers=True)
def mul(input, other):
    """input * other."""
    return input * other


@pointwise(compute="floating", domain=(0.5, 3), said="div", numbers=True)
def true_divide(input, other):
    """input / other, floating even for integers."""
    return input / other


@true_divide.derivative("other")
def _(grad_output, input, other, result):
    # Not of the result, which is often written in place: weights are divided by their sum and then masked.
    return -grad_output * k.conj(input / other / other)


@pointwise(divisor="other", smooth=False, numbers=True)
def floor_divide(input, other):
    """The quotient rounded down."""
    return k.floor_div(input, other)


_divide_trunc = make_pointwise(k.trunc_div, name="div", divisor="b", numbers=True)


def _divide(true, floor, trunc):
    def div(input, other, *, rounding_mode=None, out=None):
        """input / other; rounding_mode None (exact, floating), "trunc" or "floor"."""
        if rounding_mode is None:
            operator = true
        elif rounding_mode == "floor":
            operator = floor
        elif rounding_mode == "trunc":
            operator = trunc
        else:
            raise RuntimeError(
                f"div: rounding_mode is {rounding_mode!r}; it must be None, 'trunc' or 'floor'."
            )
        return operator(input, other) if out is None else operator(input, other, out=out)

    return div


div = _divide(true_divide, floor_divide, _divide_trunc)
_div = _divide(
    METHODS["true_divide_"],
    METHODS["floor_divide_"],
    _core._pointwise(_divide_trunc.spec, _divide_trunc),
)
_div.__name__ = _div.__qualname__ = "div_"


def div_(input, other, *, rounding_mode=None):
    """div(), in place."""
    return _div(input, other, rounding_mode=rounding_mode)


for _name in ("div", "divide"):
    register(_name, div, method=True)
    register(_name + "_", div_, method=True, namespaces=())


@pointwise(divisor="other", smooth=False, rounds=True)
def remainder(input, other):
    """input modulo other, with the sign of other."""
    return k.remainder(input, other)


@pointwise(tensors=("input",), divisor="other", smooth=False, rounds=True)
def fmod(input, other):
    """The remainder of the division rounded towards zero: the sign of input."""
    return k.fmod(input, other)


@pointwise(aliases=("negative",), oracle="numpy.negative")
def neg(input):
    """-input."""
    return -input


@composite(out=False)
def positive(input):
    """input itself."""
    if input.dtype is _core.bool:
        raise RuntimeError(
            "positive: input is bool, which has no sign. Convert it with .int() first."
        )
    return input


@pointwise(aliases=("absolute",), result="real", float8=True, takes_bool=False)
def abs(input):
    """The magnitude."""
    return k.abs(input)


@pointwise(inplace=True, smooth=False, refuses=no_complex)
def sign(input):
    """-1, 0 or 1; of complex numbers see `sgn`."""
    return k.sign(input)


@pointwise(smooth=False)
def sgn(input):
    """sign for real numbers, input / abs(input) for complex ones (0 at 0)."""
    return k.sgn(input)


@pointwise(compute="floating", domain=(0.5, 3))
def reciprocal(input):
    """1 / input."""
    return 1 / input


@pointwise(casts_out=True, compute="counted")
def square(input):
    """input * input."""
    return input * input


@pointwise(compute="floating", domain=(0.2, 4))
def sqrt(input):
    """The square root."""
    return k.sqrt(input)


@pointwise(compute="floating", domain=(0.2, 4))
def rsqrt(input):
    """1 / sqrt(input)."""
    return k.rsqrt(input)


# --------------------------------------------------------------------------------------------- powers

_pow = make_pointwise(k.power, name="pow", rounds=True, slope_rounds=(), row_major="of a number")
_pow_ = _core._pointwise(_pow.spec, _pow)
_cube = make_pointwise(lambda input: input * input * input, name="pow")
_SIMPLE_POWERS = {2: square, 3: _cube}
_SIMPLE_POWERS_ = {p: _core._pointwise(run.spec, run) for p, run in _SIMPLE_POWERS.items()}


def _root(x):
    """x**0.5, which knows neither -0 nor that -inf has no root."""
    return k.where(x == float("-inf"), float("inf"), k.sqrt(x) + 0.0)


_power_half = make_pointwise(lambda input: _root(input), name="pow")
_power_minus_half = make_pointwise(lambda input: 1.0 / _root(input), name="pow")
_inverse = make_pointwise(lambda input: 1.0 / input, name="pow")
_same = make_pointwise(lambda input: input * 1.0, name="pow")
_one = make_pointwise(lambda input: k.abs(k.copysign(1.0, input)), name="pow")  # of NaN too
# The square of the quotient: a quotient by the square is 0 where the square overflows, and x**-2 is not.
_inverse_square = make_pointwise(lambda input: (1.0 / input) * (1.0 / input), name="pow")


@_power_half.derivative
def _(grad_output, input, result):
    return k.guard(grad_output, grad_output * (0.5 / _root(input)))


@_power_minus_half.derivative
def _(grad_output, input, result):
    inverse = 1.0 / _root(input)
    return k.guard(grad_output, grad_output * (-0.5 * inverse * inverse * inverse))


@_inverse.derivative
def _(grad_output, input, result):
    inverse = 1.0 / input
    return k.guard(grad_output, grad_output * -(inverse * inverse))


@_one.derivative
def _(grad_output, input, result):
    return grad_output * 0.0


@_inverse_square.derivative
def _(grad_output, input, result):
    inverse = 1.0 / input
    return k.guard(grad_output, grad_output * (-2.0 * inverse * inverse * inverse))


_REAL_POWERS = {
    0: _one, 0.5: _power_half, -0.5: _power_minus_half, 1: _same, -1: _inverse, -2: _inverse_square,
}  # fmt: skip
_REAL_POWERS_ = {p: _core._pointwise(run.spec, run) for p, run in _REAL_POWERS.items()}


def _check_integer_power(input, exponent):
    if (
        type(exponent) is int
        and exponent < 0
        and isinstance(input, _core.Tensor)
        and not (input.dtype.is_floating_point or input.dtype.is_complex)
    ):
        raise RuntimeError(
            "pow: an integer to a negative power is no integer. Convert input with .float() first."
        )


def pow(input, exponent, *, out=None):
    """input to the power exponent; either may be a number."""
    kind = type(exponent)
    if kind is int or kind is float:
        require_tensors("pow", input=input)
        _check_integer_power(input, exponent)
        simple = _SIMPLE_POWERS.get(exponent)
        if simple is not None and (
            kind is int or input.dtype.is_floating_point or input.dtype.is_complex
        ):
            if input.dtype is not _core.bool:
                return simple(input) if out is None else simple(input, out=out)
        if exponent in _REAL_POWERS and input.dtype.is_floating_point:
            real = _REAL_POWERS[exponent]
            return real(input) if out is None else real(input, out=out)
    return _pow(input, exponent) if out is None else _pow(input, exponent, out=out)


def pow_(input, exponent):
    """pow(), in place."""
    _check_integer_power(input, exponent)
    if type(exponent) in (int, float) and isinstance(input, _core.Tensor):
        dtype = input.dtype
        if exponent in _REAL_POWERS_ and dtype.is_floating_point:
            return _REAL_POWERS_[exponent](input)
        if exponent in _SIMPLE_POWERS_ and (dtype.is_floating_point or dtype.is_complex):
            return _SIMPLE_POWERS_[exponent](input)
    return _pow_(input, exponent)


register("pow", pow, method=True)
register("pow_", pow_, method=True, namespaces=())


def _wide(x):
    if isinstance(x, _core.Tensor):
        return x.to(_core.complex128 if x.dtype.is_complex else _core.float64)
    return complex(x) if isinstance(x, complex) else float(x)


@composite(inplace=True, out="same")
def float_power(input, exponent):
    """pow computed in float64 (complex128 for complex operands)."""
    return pow(_wide(input), _wide(exponent))


# ------------------------------------------------------------------------------------------- rounding


@pointwise(smooth=False, takes_bool=False)
def floor(input):
    """The largest integer not above input."""
    return k.floor(input)


@pointwise(smooth=False, takes_bool=False)
def ceil(input):
    """The smallest integer not below input."""
    return k.ceil(input)


@pointwise(aliases=("fix",), smooth=False, takes_bool=False)
def trunc(input):
    """input without its fraction."""
    return k.trunc(input)


def _no_whole_numbers(dtypes):
    if any(not dtype.startswith(("float", "bfloat", "complex")) for dtype in dtypes):
        return "takes no integers, which have no fraction."
    return None


@pointwise(smooth=False, refuses=_no_whole_numbers)
def frac(input):
    """The fraction of input, with its sign."""
    return input - k.trunc(input)


_round = make_pointwise(k.round, name="round", takes_bool=False)
_round_scaled = make_pointwise(
    lambda input, *, scale=1.0: k.round(input * scale) / scale, name="round"
)
_round_coarse = make_pointwise(
    lambda input, *, scale=1.0: k.round(input / scale) * scale, name="round"
)


@composite(inplace=True, out="same", namespaces=("torch", "special"))
def round(input, *, decimals=0):
    """The nearest integer, ties to even; with decimals, the nearest multiple of 10**-decimals."""
    if decimals == 0:
        return _round(input)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"round: decimals takes floating tensors, and input is {input.dtype}.")
    places = max(decimals, -decimals)
    scale = 10.0**places if places <= 308 else float("inf")
    return _round_scaled(input, scale=scale) if decimals > 0 else _round_coarse(input, scale=scale)


# -------------------------------------------------------------------------------- several operands at once


@pointwise
def lerp(input, end, weight):
    """input + weight * (end - input), counted from the nearer end."""
    step = end - input
    return k.where(k.abs(weight) < 0.5, input + weight * step, end - step * (1 - weight))


@lerp.derivative("input")
def _(grad_output, input, end, weight, result):
    return grad_output * k.conj(1 - weight)


@lerp.derivative("end")
def _(grad_output, input, end, weight, result):
    return grad_output * k.conj(weight)


@lerp.derivative("weight")
def _(grad_output, input, end, weight, result):
    return grad_output * k.conj(end - input)


@pointwise
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2."""
    return input + value * tensor1 * tensor2


@pointwise(compute="inexact", domain=(0.5, 3))
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


@pointwise(compute="floating", refuses=no_complex)
def deg2rad(input):
    """Degrees to radians.

    Example:
        >>> torch.deg2rad(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.0262,  0.0000,  0.0349])
    """
    return input * 0.017453292519943295


@pointwise(compute="floating", refuses=no_complex)
def rad2deg(input):
    """Radians to degrees.

    Example:
        >>> torch.rad2deg(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-85.9437,   0.0000, 114.5916])
    """
    return input * 57.29577951308232


_nan_to_num = make_pointwise(
    lambda input, *, nan=0.0, posinf=0.0, neginf=0.0: k.where(
        k.isnan(input),
        nan,
        k.where(input == float("inf"), posinf, k.where(input == float("-inf"), neginf, input)),
    ),
    name="nan_to_num",
    rounds=True,
)


@composite(inplace=True, out="same")
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """NaN replaced by nan (0), infinities by posinf and neginf (the largest and lowest finite value).

    Example:
        >>> torch.nan_to_num(torch.tensor([float("nan"), 2.0, float("inf")]), posinf=9.0)
        tensor([0., 2., 9.])
    """
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        return input.clone()
    if input.dtype.is_complex:
        return _core.view_as_complex(nan_to_num(_core.view_as_real(input), nan, posinf, neginf))
    lowest, highest = _finite_range(input.dtype)
    return _nan_to_num(
        input,
        nan=0.0 if nan is None else nan,
        posinf=highest if posinf is None else posinf,
        neginf=lowest if neginf is None else neginf,
    )


@functools.cache
def _finite_range(dtype):
    from ..types import finfo

    limits = finfo(dtype)
    return limits.min, limits.max


# ------------------------------------------------------------------------------------- Python's operators

for _name in "add sub mul true_divide floor_divide remainder".split():
    _core._bind(_name, METHODS[_name])
    _core._bind(_name + "_", METHODS[_name + "_"])
_core._bind("pow", METHODS["pow"])
_core._bind("pow_", METHODS["pow_"])
_core._bind("neg", neg)
_core._bind("abs", abs)
_core._bind("addcmul", addcmul)
