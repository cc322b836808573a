"""erf and its family, and the functions that saturate like it and share its tables (tanh in float32)."""

from .language import abs, copysign, fma, lookup, where
from .maths_common import bits, scalar
from .maths_tables import ERF_TABLE, TANH_TABLE


def odd_from_table(x, table, shift, steps, first, last):
    """An odd function from its `table` of 32 pieces (maths_tables.py), constant beyond `last`.

    steps: pieces to the octave of x + shift; first: the end of the piece at 0.
    """
    magnitude = abs(x)
    magnitude = where(magnitude > last, last, magnitude)
    piece = bits(magnitude + shift, "float32") >> (23 - steps.bit_length() + 1)
    center, start, *slopes = [lookup(column, piece, "float32") for column in table]
    d = magnitude - center
    result = slopes[-1]
    for slope in reversed(slopes[:-1]):
        result = fma(result, d, slope)
    return copysign(fma(result, d, where(magnitude < first, magnitude, start)), x)


@scalar("tanh float32")
def tanh_float32(x, dtype):
    return odd_from_table(x, TANH_TABLE, shift=1.0, steps=8, first=0.125, last=9.5)


@scalar("erf float32")
def erf_float32(x, dtype):
    return odd_from_table(x, ERF_TABLE, shift=1.3125, steps=16, first=0.0625, last=3.925)
