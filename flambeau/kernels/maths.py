"""Scalar maths in primitive nodes: `expand` finds the expression of a function for float32 or float64.

The families: maths_exp.py, maths_log.py, maths_pow.py, maths_trig.py, maths_arc.py, maths_erf.py,
maths_gamma.py, maths_bessel.py; maths_common.py holds what they share, maths_tables.py the tables,
tools/fit_maths.py makes the constants. tests/kernels/test_maths.py states the accuracy of each and checks it.
"""

from importlib import import_module

from .language import cast
from .maths_common import FUNCTIONS

_FAMILIES = "exp log pow trig arc erf gamma bessel".split()


def expand(name, args, dtype, target=None):
    """The expression of maths function `name` of `args` (of dtype float32 or float64) in primitive nodes.

    What has no form of its own in float32 is computed in float64 and rounded; a few have one for a target.
    KeyError: there is no such function.
    """
    if not FUNCTIONS:
        for family in _FAMILIES:
            import_module(".maths_" + family, __package__)
    if (name, f"{dtype} {target}") in FUNCTIONS:
        return FUNCTIONS[name, f"{dtype} {target}"](*args, dtype)
    if (name, dtype) in FUNCTIONS:
        return FUNCTIONS[name, dtype](*args, dtype)
    wide = FUNCTIONS[name, "float64"](*[cast(a, "float64") for a in args], "float64")
    return cast(wide, "float32")
