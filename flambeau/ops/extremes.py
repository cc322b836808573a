"""The larger and the smaller of two, and clamping between bounds, element by element."""

from .. import _core
from ..kernels import language as k
from .core.declare import METHODS, make_pointwise, pointwise, register


@pointwise(tensors=("input", "other"), rounds=True, leaves_out_flat=True)
def maximum(input, other):
    """The larger of both; NaN if either is."""
    return k.maximum(input, other)


@pointwise(tensors=("input", "other"), rounds=True, leaves_out_flat=True)
def minimum(input, other):
    """The smaller of both; NaN if either is."""
    return k.minimum(input, other)


for _name in ("maximum_", "minimum_"):
    METHODS.pop(_name)


@pointwise(inplace=False, tensors=("input", "other"), rounds=True, leaves_out_flat=True)
def fmax(input, other):
    """The larger of both; a NaN loses against a number."""
    return k.fmax(input, other)


@pointwise(inplace=False, tensors=("input", "other"), rounds=True, leaves_out_flat=True)
def fmin(input, other):
    """The smaller of both; a NaN loses against a number."""
    return k.fmin(input, other)


@pointwise(tensors=("input",), oracle="numpy.maximum", rounds=True, leaves_out_flat=True)
def clamp_min(input, min):
    """input, but at least min."""
    return k.maximum(input, min)


@clamp_min.derivative("input")
def _(grad_output, input, min, result):
    # At the bound the gradient passes, as in PyTorch.
    return k.where(input >= min, grad_output, 0)


@clamp_min.derivative("min")
def _(grad_output, input, min, result):
    return k.where(input < min, grad_output, 0)


@pointwise(tensors=("input",), oracle="numpy.minimum", rounds=True, leaves_out_flat=True)
def clamp_max(input, max):
    """input, but at most max."""
    return k.minimum(input, max)


@clamp_max.derivative("input")
def _(grad_output, input, max, result):
    return k.where(input <= max, grad_output, 0)


@clamp_max.derivative("max")
def _(grad_output, input, max, result):
    return k.where(input > max, grad_output, 0)


_clamp = make_pointwise(
    lambda input, min, max: k.minimum(k.maximum(input, min), max),
    name="clamp",
    rounds=True,
    leaves_out_flat=True,
)
_clamp_ = _core._pointwise(_clamp.spec, _clamp)


@_clamp.derivative("input")
def _(grad_output, input, min, max, result):
    return k.where(k.logical_and(input >= min, input <= max), grad_output, 0)


@_clamp.derivative("min")
def _(grad_output, input, min, max, result):
    return k.where(k.logical_and(min < max, input < min), grad_output, 0)


@_clamp.derivative("max")
def _(grad_output, input, min, max, result):
    return k.where(k.logical_or(input > max, max < min), grad_output, 0)


def _clamping(both, low, high, name):
    def clamp(input, min=None, max=None, *, out=None):
        """input held between min and max (numbers or tensors, either may be None)."""
        options = {} if out is None else {"out": out}
        if min is not None and max is not None:
            return both(input, min, max, **options)
        if min is not None:
            return low(input, min, **options)
        if max is not None:
            return high(input, max, **options)
        raise RuntimeError(f"{name}: give min, max or both.")

    clamp.__name__ = clamp.__qualname__ = name
    return clamp


for _name in ("clamp", "clip"):
    register(_name, _clamping(_clamp, clamp_min, clamp_max, _name), method=True)
    register(
        _name + "_",
        _clamping(_clamp_, METHODS["clamp_min_"], METHODS["clamp_max_"], _name + "_"),
        method=True,
    )
clamp = METHODS["clamp"]
