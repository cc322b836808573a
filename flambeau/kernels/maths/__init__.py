"""Scalar maths in primitive nodes: `expand` finds the expression of a function for float32 or float64.

The families: exp.py, log.py, pow.py, trig.py, arc.py, erf.py,
gamma.py, bessel.py; common.py holds what they share, tables.py the tables,
tools/fit_maths.py makes the constants. tests/kernels/test_maths.py states the accuracy of each and checks it.
"""

from importlib import import_module

from ..language import cast
from .common import FUNCTIONS

_FAMILIES = "exp log pow trig arc erf gamma bessel".split()


def _load():
    if not FUNCTIONS:
        for family in _FAMILIES:
            import_module("." + family, __name__)


def has_form(name, dtype, target):
    """Whether a function has a form for the whole vectors of a target."""
    _load()
    return (name, f"{dtype} {target}") in FUNCTIONS


def form_of(name, dtype, target=None):
    """The function of expressions that expand() calls, or None where there is none."""
    _load()
    own = FUNCTIONS.get((name, f"{dtype} {target}")) or FUNCTIONS.get((name, dtype))
    if own:
        return lambda *args: own(*args, dtype)
    wide = FUNCTIONS.get((name, "float64"))
    return wide and (
        lambda *args: cast(wide(*[cast(a, "float64") for a in args], "float64"), "float32")
    )


def expand(name, args, dtype, target=None):
    """The expression of maths function `name` of `args` (of dtype float32 or float64) in primitive nodes.

    What has no form of its own in float32 is computed in float64 and rounded; a few have one for a target.
    KeyError: there is no such function.
    """
    form = form_of(name, dtype, target)
    if form is None:
        raise KeyError(name)
    return form(*args)
