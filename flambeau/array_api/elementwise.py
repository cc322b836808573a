"""Functions of each element, or of pairs of elements."""

import flambeau as fl

from .array import promoted, quotient_rounded_down, signed_remainder


def _unary(name, operator=None):
    operator = operator or getattr(fl, name)

    def function(x, /):
        return operator(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x), element by element: flambeau.{operator.__name__}."
    return function


def _binary(name, operator=None):
    operator = operator or getattr(fl, name)

    def function(x1, x2, /):
        x1, x2 = _arrays(x1, x2)
        return operator(x1, x2)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x1, x2), element by element: flambeau.{operator.__name__}."
    return function


def _arrays(x1, x2):
    """Both as tensors of one dtype; a Python number takes the array's dtype where its kind allows."""
    if not isinstance(x1, fl.Tensor):
        x1 = _number_as_array(x1, x2)
    if not isinstance(x2, fl.Tensor):
        x2 = _number_as_array(x2, x1)
    return promoted(x1, x2)


def _number_as_array(number, other):
    if not isinstance(number, int | float | complex):
        raise TypeError(
            f"array_api: expected an array or a Python number, not {type(number).__name__}."
        )
    dtype = fl.result_type(fl.empty(1, dtype=other.dtype), number)
    return fl.tensor(number, dtype=dtype).as_subclass(type(other))


abs = _unary("abs")
acos = _unary("acos")
acosh = _unary("acosh")
asin = _unary("asin")
asinh = _unary("asinh")
atan = _unary("atan")
atanh = _unary("atanh")
bitwise_invert = _unary("bitwise_invert", fl.bitwise_not)
cos = _unary("cos")
cosh = _unary("cosh")
exp = _unary("exp")
expm1 = _unary("expm1")
imag = _unary("imag")
isfinite = _unary("isfinite")
isinf = _unary("isinf")
isnan = _unary("isnan")
log = _unary("log")
log1p = _unary("log1p")
log2 = _unary("log2")
log10 = _unary("log10")
logical_not = _unary("logical_not")
negative = _unary("negative")
positive = _unary("positive")
real = _unary("real")
reciprocal = _unary("reciprocal")
signbit = _unary("signbit")
sin = _unary("sin")
sinh = _unary("sinh")
sqrt = _unary("sqrt")
square = _unary("square")
tan = _unary("tan")
tanh = _unary("tanh")
conj = _unary("conj")

add = _binary("add")
atan2 = _binary("atan2")
bitwise_and = _binary("bitwise_and")
bitwise_left_shift = _binary("bitwise_left_shift")
bitwise_or = _binary("bitwise_or")
bitwise_right_shift = _binary("bitwise_right_shift")
bitwise_xor = _binary("bitwise_xor")
copysign = _binary("copysign")
divide = _binary("divide")
equal = _binary("equal", fl.eq)
greater = _binary("greater")
greater_equal = _binary("greater_equal")
hypot = _binary("hypot")
less = _binary("less")
less_equal = _binary("less_equal")
logaddexp = _binary("logaddexp")
logical_and = _binary("logical_and")
logical_or = _binary("logical_or")
logical_xor = _binary("logical_xor")
maximum = _binary("maximum")
minimum = _binary("minimum")
multiply = _binary("multiply")
nextafter = _binary("nextafter")
not_equal = _binary("not_equal")
pow = _binary("pow")
subtract = _binary("subtract")


def _rounding(name):
    """Integers are whole already."""
    operator = getattr(fl, name)

    def function(x, /):
        if x.dtype.is_floating_point:
            return operator(x)
        if x.dtype.is_complex:
            return fl.complex(operator(x.real), operator(x.imag))
        return x.clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x), element by element; integers stay as they are."
    return function


ceil = _rounding("ceil")
floor = _rounding("floor")
round = _rounding("round")
trunc = _rounding("trunc")


def clip(x, /, min=None, max=None):
    """x, raised to min and lowered to max where it lies outside; the dtype is x's."""
    for bound, operator in ((min, fl.maximum), (max, fl.minimum)):
        if bound is not None:
            _, other = _arrays(x, bound)
            x = operator(x, other.to(x.dtype))
    return x if min is not None or max is not None else x.clone()


def sign(x, /):
    """-1, 0 or 1 by the sign of x, x / abs(x) of complex numbers; NaN of NaN."""
    signs = fl.sgn(x)
    return fl.where(fl.isnan(x), x, signs) if x.dtype.is_floating_point else signs


def floor_divide(x1, x2, /):
    """The quotient rounded down; with infinities that of the limit, where flambeau.floor_divide has NaN."""
    x1, x2 = _arrays(x1, x2)
    return quotient_rounded_down(fl.floor_divide(x1, x2), x1, x2)


def remainder(x1, x2, /):
    """x1 modulo x2, with the sign of x2 even where it is 0."""
    x1, x2 = _arrays(x1, x2)
    return signed_remainder(fl.remainder(x1, x2), x2)
