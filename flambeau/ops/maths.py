"""Exponentials, logarithms, trigonometric, hyperbolic and special functions, element by element.

Formulas and accuracies stand in kernels/maths.py; derivatives are derived there too.
"""

import math

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import check_room
from .core.declare import METHODS, composite, make_pointwise, pointwise, register
from .pointwise import no_complex


def _unary(name, doc, aliases=(), special=None, inplace=True, **options):
    """torch.<name> as the kernel language's function of that name."""
    call = getattr(k, name)

    def function(input):
        return call(input)

    function.__name__ = name
    function.__doc__ = doc
    operator = pointwise(function, compute="floating", aliases=aliases, inplace=inplace, **options)
    if special:
        register(special, operator, namespaces=("special",))
    return operator


exp = _unary("exp", "e to the power input.")
exp2 = _unary("exp2", "2 to the power input.", special="exp2")
expm1 = _unary("expm1", "exp(input) - 1, accurate near 0.", special="expm1")
log = _unary("log", "The natural logarithm.", domain=(0.2, 4))
log2 = _unary("log2", "The logarithm to base 2.", domain=(0.2, 4))
log10 = _unary("log10", "The logarithm to base 10.", domain=(0.2, 4))
log1p = _unary("log1p", "log(1 + input), accurate near 0.", special="log1p", domain=(-0.5, 4))
sin = _unary("sin", "The sine (input in radians).")
cos = _unary("cos", "The cosine (input in radians).")
tan = _unary("tan", "The tangent (input in radians).")
asin = _unary("asin", "The angle whose sine is input.", ("arcsin",), domain=(-0.9, 0.9))
acos = _unary("acos", "The angle whose cosine is input.", ("arccos",), domain=(-0.9, 0.9))
atan = _unary("atan", "The angle whose tangent is input.", ("arctan",))
sinh = _unary("sinh", "The hyperbolic sine.")
cosh = _unary("cosh", "The hyperbolic cosine.")
tanh = _unary("tanh", "The hyperbolic tangent.")
asinh = _unary("asinh", "The inverse of sinh.", ("arcsinh",))
acosh = _unary("acosh", "The inverse of cosh, NaN below 1.", ("arccosh",), domain=(1.1, 4))

atanh = _unary("atanh", "The inverse of tanh.", ("arctanh",), domain=(-0.9, 0.9))
erf = _unary("erf", "The error function.", special="erf")
erfc = _unary("erfc", "1 - erf(input), accurate for large input.", special="erfc")
erfinv = _unary("erfinv", "The inverse of erf.", special="erfinv", domain=(-0.9, 0.9))


@erfinv.derivative
def _(grad_output, input, result):
    # From input, as in PyTorch: programs scale the result in place, as initializers do.
    root = k.erfinv(input)
    return k.guard(grad_output, grad_output * (0.886226925452758 * k.exp(root * root)))


lgamma = _unary(
    "lgamma",
    "log(abs(gamma(input))).",
    special="gammaln",
    domain=(0.3, 4),
    oracle="scipy.special.gammaln",
)
digamma = _unary("digamma", "The derivative of lgamma.", special="digamma", domain=(0.3, 4))
register("psi", digamma, namespaces=("special",))
# Of an infinity it is infinite; PyTorch gives NaN.
i0 = _unary(
    "i0",
    "The modified Bessel function I of order 0.",
    special="i0",
    oracle="scipy.special.i0",
    apart=(math.inf, -math.inf),
)


def _special(name, doc, public=None, call=None, oracle=None, **options):
    """special.<name> alone."""
    call = call or getattr(k, name)
    oracle = f"scipy.special.{oracle or name}"

    def function(input):
        return call(input)

    function.__name__ = f"special_{public or name}"
    function.__doc__ = doc
    operator = pointwise(
        function,
        compute="floating",
        method=False,
        function=False,
        inplace=False,
        oracle=oracle,
        **options,
    )
    register(public or name, operator, namespaces=("special",))
    return operator


def _nan_at_infinity(name):
    call = getattr(k, name)
    return lambda x: k.where(k.isinf(x), float("nan"), call(x))


for _order in (0, 1):
    _first = f"The modified Bessel function I of order {_order}"
    _second = f"The modified Bessel function K of order {_order}"
    _special(f"i{_order}", f"{_first}.", f"modified_bessel_i{_order}")
    _special(f"i{_order}e", f"{_first}, times exp(-abs(input)).")
    _special(f"k{_order}", f"{_second}.", f"modified_bessel_k{_order}", domain=(0.5, 4))
    _special(
        f"k{_order}e",
        f"{_second}, times exp(input).",
        f"scaled_modified_bessel_k{_order}",
        domain=(0.5, 4),
    )
    _special(
        f"bessel_j{_order}",
        f"The Bessel function J of order {_order}; NaN at infinity.",
        call=_nan_at_infinity(f"bessel_j{_order}"),
        oracle=f"j{_order}",
    )
    _special(
        f"bessel_y{_order}",
        f"The Bessel function Y of order {_order}; NaN at infinity.",
        call=_nan_at_infinity(f"bessel_y{_order}"),
        oracle=f"y{_order}",
        domain=(0.5, 4),
    )
_special("i1", f"{_first}.")
_special("erfcx", "exp(input**2) * erfc(input).")
_special(
    "ndtr",
    "The distribution function of the standard normal distribution.",
    call=lambda x: 0.5 * k.erfc(x * -0.7071067811865476),
)
_special("log_ndtr", "The logarithm of ndtr, accurate far below 0.", domain=(-3, 3))
_special("ndtri", "The inverse of ndtr.", domain=(0.1, 0.9))
_entr = _special(
    "entr",
    "-input * log(input), 0 at 0, -inf below.",
    domain=(0.2, 3),
    call=lambda x: k.where(
        k.isnan(x), x, k.where(x > 0, -x * k.log(x), k.where(x == 0, 0.0, float("-inf")))
    ),
)


@_entr.derivative
def _(grad_output, input, result):
    return k.guard(grad_output, grad_output * (-k.log(input) - 1))


@pointwise(compute="floating", oracle="scipy.special.expit")
def sigmoid(input):
    """1 / (1 + exp(-input)).

    Example:
        >>> torch.sigmoid(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0.1824, 0.5000, 0.8808])
    """
    return 1 / (1 + k.exp(-input))


@sigmoid.derivative
def _(grad_output, input, result):
    # The derived form is inf / inf at -1000; taken from the result it is finite and keeps only the result.
    return grad_output * k.conj(result * (1 - result))


register("expit", sigmoid, namespaces=("special",))


@pointwise(compute="floating")
def sinc(input):
    """sin(pi input) / (pi input), 1 at 0.

    Example:
        >>> torch.sinc(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-2.1221e-01,  1.0000e+00,  2.7828e-08])
    """
    x = input * 3.141592653589793
    return k.where(input == 0, 1, k.sin(x) / k.where(input == 0, 1, x))


@sinc.derivative
def _(grad_output, input, result):
    x = input * 3.141592653589793
    # Near 0 what is subtracted is nearly equal, and the more so for each further derivative: a series.
    near = k.abs(input) < 0.16
    safe = k.where(near, 1, input)
    square = x * x
    series = 0.0
    for n in range(8, 0, -1):
        series = series * square + (-1) ** n * 2 * n / math.factorial(2 * n + 1)
    far = (k.cos(x) - k.sin(x) / (safe * 3.141592653589793)) / safe
    return grad_output * k.conj(k.where(near, series * x * 3.141592653589793, far))


register("sinc", sinc, namespaces=("special",))


@pointwise(
    compute="floating", domain=(0.3, 3), rounds=True, slope_rounds=("other",), leaves_out_flat=True
)
def xlogy(input, other):
    """input * log(other), 0 where input is 0 (NaN where other is).

    Example:
        >>> torch.xlogy(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([0.6931, 5.4931])
    """
    return k.where(k.isnan(other), other, k.where(input == 0, 0, input * k.log(other)))


def _times_logarithm(grad_output, input, argument, logarithm):
    """The gradient of input in input * logarithm: 0 where the product is 0 beyond the logarithm's range."""
    beyond = k.logical_and(k.isnan(logarithm), k.logical_not(k.isnan(argument)))
    outside = k.logical_or(argument == 0, beyond)
    factor = k.where(k.logical_and(input == 0, outside), 0, logarithm)
    return k.guard(grad_output, grad_output * factor)


def _over_argument(grad_output, input, argument):
    """The gradient of the logarithm's argument: 0 where input is 0, whatever it is divided by."""
    none = k.logical_and(input == 0, argument == 0)
    return k.where(none, 0, k.guard(grad_output, grad_output * input / argument))


@xlogy.derivative("input")
def _(grad_output, input, other, result):
    return _times_logarithm(grad_output, input, other, k.log(other))


@xlogy.derivative("other")
def _(grad_output, input, other, result):
    return _over_argument(grad_output, input, other)


register("xlogy", xlogy, namespaces=("special",))


@pointwise(
    compute="floating",
    method=False,
    function=False,
    inplace=False,
    namespaces=(),
    domain=(0.3, 3),
    rounds=True,
    slope_rounds=("other",),
    leaves_out_flat=True,
)
def xlog1py(input, other):
    """input * log1p(other), 0 where input is 0.

    Example:
        >>> torch.special.xlog1py(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([1.0986, 6.9315])
    """
    return k.where(k.isnan(other), other, k.where(input == 0, 0, input * k.log1p(other)))


@xlog1py.derivative("input")
def _(grad_output, input, other, result):
    return _times_logarithm(grad_output, input, other + 1, k.log1p(other))


@xlog1py.derivative("other")
def _(grad_output, input, other, result):
    return _over_argument(grad_output, input, other + 1)


register("xlog1py", xlog1py, namespaces=("special",))


@pointwise(
    compute="floating",
    name="special_zeta",
    method=False,
    function=False,
    inplace=False,
    domain=(1.5, 4),
    smooth=False,
    apart=(-math.inf, -1e-30),  # docs/differences.md
)
def zeta(input, other):
    """The Hurwitz zeta function: the sum of (k + other)**-input over k >= 0.

    Example:
        >>> torch.special.zeta(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([   inf, 0.0057])
    """
    return k.zeta(input, other)


register("zeta", zeta, namespaces=("special",))

_polygammas = {0: digamma}  # the low orders, each compiled with its number
_LOW_ORDERS = 10
_EVEN_ORDERS = 2**24  # from here on a float32 holds even numbers only


_polygamma_of_order = make_pointwise(
    lambda n, input: k.polygamma(n, input), name="polygamma", compute="floating"
)


def _far_order(even, odd, input):
    """polygamma of the order even + odd: to the right of 0 an odd order's sign is the other one."""
    value = k.polygamma(even, input)
    # No dtype holds an odd n + 1 from here on: the powers of that exponent are taken for positive.
    value = k.where(even >= 2.0**53, -k.abs(value), value)
    return k.where(odd != 0, -value, value)


_polygamma_far = make_pointwise(_far_order, name="polygamma", compute="floating")


@_polygamma_far.derivative("input")
def _(grad_output, even, odd, input, result):
    return k.guard(grad_output, grad_output * -result)


@composite(inplace=False)
def polygamma(n: int, input):
    """The n-th derivative of digamma at input."""
    if isinstance(n, _core.Tensor):
        n, input = input, n
    if n < 0:
        raise RuntimeError(f"polygamma: n is {n}; it must be 0 or more.")
    if 2**31 - 1 <= n < 2**32:
        # No dtype holds such a value, save far to the right: NaN, as where 32 bits hold the order.
        return _polygammas[0](input) * math.nan
    if n >= _EVEN_ORDERS:
        return _polygamma_far(n - n % 2, n % 2, input)
    if n >= _LOW_ORDERS:
        return _polygamma_of_order(n, input)
    if n not in _polygammas:
        _polygammas[n] = make_pointwise(
            lambda x: k.polygamma(n, x), name="polygamma", compute="floating"
        )
    return _polygammas[n](input)


register("polygamma", polygamma, namespaces=("special",))


def _polygamma_(input, n: int):
    """polygamma(n, input), in place."""
    kept = input.clone() if input.requires_grad else input  # for the slope
    return input.copy_(polygamma(n, kept))


def _polygamma_method(input, n: int):
    """polygamma(n, input): the n-th derivative of digamma."""
    return polygamma(n, input)


METHODS["polygamma"] = _polygamma_method
METHODS["polygamma_"] = _polygamma_

_logit = make_pointwise(
    lambda input: k.log(input / (1 - input)), name="logit", compute="floating", refuses=no_complex
)
_logit_eps = make_pointwise(
    lambda input, *, eps=0.0: k.log(
        k.maximum(k.minimum(input, 1 - eps), eps) / (1 - k.maximum(k.minimum(input, 1 - eps), eps))
    ),
    name="logit",
    compute="floating",
    rounds=True,
)


@_logit.derivative
def _(grad_output, input, result):
    return k.where(
        k.logical_or(input < 0, input > 1), float("nan"), grad_output / (input * (1 - input))
    )


@_logit_eps.derivative("input")
def _(grad_output, input, eps, result):
    # At NaN 0, as clamp's.
    inside = k.logical_and(input >= eps, input <= 1 - eps)
    return k.where(inside, grad_output / (input * (1 - input)), 0)


@composite(inplace=True, namespaces=("torch", "special"))
def logit(input, eps=None):
    """log(input / (1 - input)); input is held in [eps, 1 - eps] first if eps is given.

    Example:
        >>> torch.logit(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[inf, nan],
                [nan, nan]])
    """
    # A NaN holds nothing: no number is below it or above it.
    nothing = eps is None or isinstance(eps, float) and math.isnan(eps)
    return _logit(input) if nothing else _logit_eps(input, eps=eps)


@composite(inplace=True)
def mvlgamma(input, p: int):
    """The multivariate log-gamma function of dimension p.

    Example:
        >>> torch.mvlgamma(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[0.0000, 0.0000],
                [0.6931, 1.7918]])
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p is {p}; it must be 1 or more.")
    if input.dtype is _core.bool:
        raise RuntimeError("mvlgamma: input is bool. Convert it with .float() first.")
    # The terms, their logarithms and what those need: all at once, or not at all.
    check_room(4 * 8 * p * input.numel(), input)
    dtype = input.dtype if input.is_floating_point() else fl.get_default_dtype()
    # A row for each term: rows of p would be too short for vectors.
    shifts = fl.arange(1 - p, 1, dtype=dtype, device=input.device) / 2
    terms = lgamma(input.unsqueeze(0) + shifts.reshape(p, *[1] * input.dim()))
    return terms.sum(0) + p * (p - 1) / 4 * 1.1447298858494002


register("multigammaln", mvlgamma, namespaces=("special",))
