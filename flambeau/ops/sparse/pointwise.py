"""Functions of one argument that keep 0: they act on the values."""

from ... import _core
from ..core import operators as fl
from .coalesce import coalesce
from .frame import COO, frame_and_entries, number_of
from .rules import in_place, operators_called, rule

# Of a sum of duplicates these are not the sum.
_NAMES = (
    "abs absolute asin arcsin asinh arcsinh atan arctan atanh arctanh ceil erf erfinv expm1 fix floor frac isinf isnan "
    "isneginf isposinf log1p nan_to_num relu round sgn sign signbit sin sinh sqrt square tan tanh trunc angle "
    "conj_physical deg2rad rad2deg neg negative positive"
).split()
_LINEAR = frozenset("conj_physical neg negative positive".split())


def on_values(input, function, linear=False):
    """function of the values, in the frame of input."""
    if not linear and number_of(input) == COO:
        input = coalesce(input)
    frame, values = frame_and_entries(input)
    return frame.assemble(function(values))


def _declare(name):
    operator = next(iter(operators_called(name)), None)
    if operator is None:
        return

    def function(input, *args, **kwargs):
        return on_values(input, lambda values: operator(values, *args, **kwargs), name in _LINEAR)

    function.__name__ = name
    rule(name)(function)
    if operators_called(name + "_"):
        in_place(name, function)


for _name in _NAMES:
    _declare(_name)


@rule("conj")
def conj(input):
    return on_values(input, fl.conj, True) if input.is_complex() else input


@rule("real")
def real(input):
    return on_values(input, fl.real, True) if input.is_complex() else input


@rule("imag")
def imag(input):
    return on_values(input, fl.imag, True)


@rule("pow")
def pow(input, exponent):
    """input to a power above 0, which keeps 0."""
    if isinstance(exponent, _core.Tensor):
        if exponent.dim():
            raise NotImplementedError(
                "pow: the exponent of a sparse tensor must be a number, not a tensor."
            )
        exponent = exponent.item()
    if exponent == 0:
        raise RuntimeError(
            "pow: to the power 0 a sparse tensor would be 1 everywhere. Use to_dense() first."
        )
    if not isinstance(exponent, complex) and exponent < 0:
        raise NotImplementedError(
            f"pow: to the power {exponent} a sparse tensor would be infinite where it has no entry. Use to_dense() "
            "first."
        )
    return on_values(input, lambda values: values**exponent)


in_place("pow", pow)


@rule("clamp", "clip")
def clamp(input, min=None, max=None):
    """clamp() of the values: the bounds must leave 0 as it is."""
    low = isinstance(min, (int, float)) and min > 0
    high = isinstance(max, (int, float)) and max < 0
    if low or high or isinstance(min, _core.Tensor) or isinstance(max, _core.Tensor):
        raise NotImplementedError(
            "clamp: the bounds of a sparse tensor must be numbers with 0 between them. Use to_dense() first."
        )
    return on_values(input, lambda values: fl.clamp(values, min, max))


in_place("clamp", clamp)
in_place("clip", clamp)


@rule("dropout")
def dropout(input, p=0.5, training=True, inplace=False):
    return on_values(input, lambda values: fl.dropout(values, p, training))


@rule("threshold_backward")
def threshold_backward(grad_output, self, threshold):
    """grad_output where self is above the threshold."""
    if number_of(self):
        kept = on_values(self, lambda values: (values > threshold).to(values.dtype))
        return fl.mul(grad_output, kept)
    return fl.mul(grad_output, (self > threshold).to(self.dtype))
