"""What the maths files share: the registry of functions, polynomials, sums and products in two parts.

Every function is written for float32 or float64 with the primitive nodes of language.py, without
branches, for the whole range: NaN, infinities, signed zeros, denormal numbers, overflow. Constants come
from tools/fit_maths.py (run it with the name given beside them) unless another source is named.
"""

from ..expression import node
from ..language import bitcast, fma, lookup

FUNCTIONS = {}


def scalar(*names):
    """Register a function as "name dtype" or "name dtype target" of each of `names`; without dtype it serves both."""

    def register(function):
        for name in names:
            word, _, dtype = name.partition(" ")
            for d in (dtype,) if dtype else ("float32", "float64"):
                FUNCTIONS[word, d] = function
        return function

    return register


LONG = (
    8  # terms; beyond, one chain of dependent operations takes longer than all of them side by side
)


def polynomial(x, coefficients, last=None):
    """coefficients[0] + coefficients[1] * x + ...; `last` goes beyond the highest.

    By Horner's rule; a long one in two parts, of even and of odd powers, which the CPU computes side by side: erf
    in float64 takes 187 us instead of 201 for 1e5 elements. The first two terms stay out of it, for their rounding counts.
    """
    terms = [*coefficients] if last is None else [*coefficients, last]
    if len(terms) <= LONG:
        return horner(x, terms)
    even, odd = horner(x * x, terms[2::2]), horner(x * x, terms[3::2])
    return horner(x, [*terms[:2], fma(odd, x, even)])


def horner(x, terms):
    """terms[0] + x * (terms[1] + x * ...)."""
    *rest, result = terms
    for c in reversed(rest):
        result = fma(result, x, c)
    return result


def bits(x, dtype, signed=True):
    """The bits of x as an integer of its size."""
    return bitcast(x, ("int" if signed else "uint") + dtype[-2:])


def is_not(condition):
    """True where a comparison fails, so also where a NaN takes part in it."""
    return node("not", condition)


def two_sum(a, b):
    """(s, e): s = a + b rounded, s + e = a + b exactly, for any a and b (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def quick_two_sum(a, b):
    """(s, e) as two_sum, for abs(a) >= abs(b) or a = 0 (Dekker)."""
    s = a + b
    return s, b - (s - a)


def two_product(a, b):
    """(p, e): p = a * b rounded, p + e = a * b exactly."""
    p = a * b
    return p, fma(a, b, -p)


def from_table(x, table, shift, steps):
    """(polynomial without its constant, d, constant) of the piece of x >= 0 in `table` (tables.py).

    steps: pieces to the octave of x + shift.
    """
    piece = bits(x + shift, "float32") >> (23 - steps.bit_length() + 1)
    center, start, *slopes = [lookup(column, piece, "float32") for column in table]
    d = x - center
    result = slopes[-1]
    for slope in reversed(slopes[:-1]):
        result = fma(result, d, slope)
    return result, d, start
