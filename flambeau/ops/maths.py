"""Exponentials, logarithms, trigonometric, hyperbolic and special functions, element by element.

Formulas and accuracies stand in kernels/maths.py; derivatives are derived there too.
"""

from ..kernels import language as k
from .declare import composite, pointwise, register


def _unary(name, doc, aliases=(), special=None, inplace=True):
    """torch.<name> as the kernel language's function of that name."""
    call = getattr(k, name)

    def function(input):
        return call(input)

    function.__name__ = name
    function.__doc__ = doc
    operator = pointwise(function, compute="floating", aliases=aliases, inplace=inplace)
    if special:
        register(special, operator, namespaces=("special",))
    return operator


exp = _unary("exp", "e to the power input.")
exp2 = _unary("exp2", "2 to the power input.", special="exp2")
expm1 = _unary("expm1", "exp(input) - 1, accurate near 0.", special="expm1")
log = _unary("log", "The natural logarithm.")
log2 = _unary("log2", "The logarithm to base 2.")
log10 = _unary("log10", "The logarithm to base 10.")
log1p = _unary("log1p", "log(1 + input), accurate near 0.", special="log1p")
sin = _unary("sin", "The sine (input in radians).")
cos = _unary("cos", "The cosine (input in radians).")
tan = _unary("tan", "The tangent (input in radians).")
asin = _unary("asin", "The angle whose sine is input.", ("arcsin",))
acos = _unary("acos", "The angle whose cosine is input.", ("arccos",))
atan = _unary("atan", "The angle whose tangent is input.", ("arctan",))
sinh = _unary("sinh", "The hyperbolic sine.")
cosh = _unary("cosh", "The hyperbolic cosine.")
tanh = _unary("tanh", "The hyperbolic tangent.")
asinh = _unary("asinh", "The inverse of sinh.", ("arcsinh",))
acosh = _unary("acosh", "The inverse of cosh, NaN below 1.", ("arccosh",))
atanh = _unary("atanh", "The inverse of tanh.", ("arctanh",))
erf = _unary("erf", "The error function.", special="erf")
erfc = _unary("erfc", "1 - erf(input), accurate for large input.", special="erfc")
erfinv = _unary("erfinv", "The inverse of erf.", special="erfinv")
lgamma = _unary("lgamma", "log(abs(gamma(input))).", special="gammaln")
digamma = _unary("digamma", "The derivative of lgamma.", special="digamma")
register("psi", digamma, namespaces=("special",))
i0 = _unary("i0", "The modified Bessel function of the first kind, order 0.", special="i0")


def _special(name, public=None, call=None):
    """special.<name> alone."""
    call = call or getattr(k, name)

    def function(input):
        return call(input)

    function.__name__ = f"special_{public or name}"
    operator = pointwise(function, compute="floating", method=False, function=False, inplace=False)
    return register(public or name, operator, namespaces=("special",))


for _name in "i0e i1 i1e log_ndtr erfcx bessel_j0 bessel_j1 bessel_y0 bessel_y1".split():
    _special(_name)
_special("i0", "modified_bessel_i0")
_special("i1", "modified_bessel_i1")
_special("k0", "modified_bessel_k0")
_special("k1", "modified_bessel_k1")
_special("k0e", "scaled_modified_bessel_k0")
_special("k1e", "scaled_modified_bessel_k1")
_special("ndtr", call=lambda x: 0.5 * k.erfc(x * -0.7071067811865476))
_special("ndtri", call=lambda x: 1.4142135623730951 * k.erfinv(2 * x - 1))
_special(
    "entr",
    call=lambda x: k.where(
        k.isnan(x), x, k.where(x > 0, -x * k.log(x), k.where(x == 0, 0.0, float("-inf")))
    ),
)


@pointwise(compute="floating")
def sigmoid(input):
    """1 / (1 + exp(-input))."""
    return 1 / (1 + k.exp(-input))


@sigmoid.derivative
def _(grad_output, input, result):
    # The derived form is inf / inf at -1000; taken from the result it is finite and keeps only the result.
    return grad_output * k.conj(result * (1 - result))


register("expit", sigmoid, namespaces=("special",))


@pointwise(compute="floating")
def sinc(input):
    """sin(pi input) / (pi input), 1 at 0."""
    x = input * 3.141592653589793
    return k.where(input == 0, 1, k.sin(x) / k.where(input == 0, 1, x))


@sinc.derivative
def _(grad_output, input, result):
    x = input * 3.141592653589793
    safe = k.where(input == 0, 1, input)
    return grad_output * k.conj(
        k.where(input == 0, 0, (k.cos(x) - k.sin(x) / (safe * 3.141592653589793)) / safe)
    )


register("sinc", sinc, namespaces=("special",))


@pointwise(compute="floating")
def xlogy(input, other):
    """input * log(other), 0 where input is 0 (NaN where other is)."""
    return k.where(k.isnan(other), other, k.where(input == 0, 0, input * k.log(other)))


@xlogy.derivative("input")
def _(grad_output, input, other, result):
    return grad_output * k.where(k.logical_and(input == 0, other <= 0), 0, k.log(other))


@xlogy.derivative("other")
def _(grad_output, input, other, result):
    return grad_output * input / other


register("xlogy", xlogy, namespaces=("special",))


@pointwise(compute="floating", method=False, function=False, inplace=False, namespaces=())
def xlog1py(input, other):
    """input * log1p(other), 0 where input is 0."""
    return k.where(k.isnan(other), other, k.where(input == 0, 0, input * k.log1p(other)))


@xlog1py.derivative("input")
def _(grad_output, input, other, result):
    return grad_output * k.where(k.logical_and(input == 0, other <= -1), 0, k.log1p(other))


@xlog1py.derivative("other")
def _(grad_output, input, other, result):
    return grad_output * input / (other + 1)


register("xlog1py", xlog1py, namespaces=("special",))


@pointwise(compute="floating", name="special_zeta", method=False, function=False, inplace=False)
def zeta(input, other):
    """The Hurwitz zeta function: the sum of (k + other)**-input over k >= 0."""
    return k.zeta(input, other)


register("zeta", zeta, namespaces=("special",))

_polygammas = {0: digamma}


@composite(inplace=False)
def polygamma(n, input):
    """The n-th derivative of digamma at input."""
    if isinstance(n, _tensor_type()):
        n, input = input, n
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n: {n}.")
    if n not in _polygammas:
        from .declare import make_pointwise

        _polygammas[n] = make_pointwise(
            lambda x: k.polygamma(n, x), name="polygamma", compute="floating"
        )
    return _polygammas[n](input)


def _tensor_type():
    from .. import _core

    return _core.Tensor


register("polygamma", polygamma, namespaces=("special",))


def _polygamma_(input, n):
    """polygamma(n, input), in place."""
    return input.copy_(polygamma(n, input))


from .declare import METHODS, make_pointwise  # noqa: E402

METHODS["polygamma"] = lambda input, n: polygamma(n, input)
METHODS["polygamma_"] = _polygamma_

_logit = make_pointwise(lambda input: k.log(input / (1 - input)), name="logit", compute="floating")
_logit_eps = make_pointwise(
    lambda input, *, eps=0.0: k.log(
        k.minimum(k.maximum(input, eps), 1 - eps) / (1 - k.minimum(k.maximum(input, eps), 1 - eps))
    ),
    name="logit",
    compute="floating",
)


@_logit.derivative
def _(grad_output, input, result):
    return k.where(
        k.logical_or(input < 0, input > 1), float("nan"), grad_output / (input * (1 - input))
    )


@_logit_eps.derivative("input")
def _(grad_output, input, eps, result):
    return k.where(
        k.logical_or(input < eps, input > 1 - eps), 0, grad_output / (input * (1 - input))
    )


@composite(inplace=True, namespaces=("torch", "special"))
def logit(input, eps=None):
    """log(input / (1 - input)); input is held in [eps, 1 - eps] first if eps is given."""
    return _logit(input) if eps is None else _logit_eps(input, eps=eps)


@composite(inplace=True)
def mvlgamma(input, p):
    """The multivariate log-gamma function of dimension p."""
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, not {p}.")
    total = p * (p - 1) / 4 * 1.1447298858494002
    for j in range(p):
        total = lgamma(input - j / 2) + total
    return total


register("multigammaln", mvlgamma, namespaces=("special",))
