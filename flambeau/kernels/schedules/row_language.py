"""The words of row kernels beside those of pointwise ones.

A row function sees one element of its row at a time, as a pointwise function does; these words look
at the whole row:

    def softmax(x):
        e = exp(x - rmax(x))
        return e * (1 / rsum(e))
"""

from ..expression import node


def _over_row(reduction, part=0):
    def build(x):
        return node("row", x, attr=(reduction, part))

    return build


rsum = _over_row("sum_")
rmean = _over_row("mean")
own_rsum = _over_row("own_sum")  # the bits of a sum that is a kernel by itself
own_rmean = _over_row("own_mean")
plain_rsum = _over_row("plain_sum")  # the bits of rsum of an operand, whatever makes it
rprod = _over_row("prod")
rmax = _over_row("amax")
rmin = _over_row("amin")
rany = _over_row("any_")
rall = _over_row("all_")
rargmax = _over_row("argmax")
rargmin = _over_row("argmin")
rlogsumexp = _over_row("logsumexp")


def rvar(x, correction=0):
    """The variance along the row, which divides by length() - correction."""
    return node("row", x, correction, attr=("var_mean", 0))


def rmoments(x, correction=0):
    """(variance, mean) along the row, in one pass."""
    return rvar(x, correction), node("row", x, correction, attr=("var_mean", 1))


def pick(x, position):
    """x at one position of the row, int64 and the same for the whole row; 0 if there is none."""
    return node("pick", x, position)


def position():
    """The position of the element in its row (int64)."""
    return node("position")


def length():
    """The number of elements in a row (int64)."""
    return node("length")


def row():
    """The number of the row (int64)."""
    return node("row_number")


__all__ = [
    "length",
    "own_rmean",
    "own_rsum",
    "pick",
    "plain_rsum",
    "position",
    "rall",
    "rany",
    "rargmax",
    "rargmin",
    "rlogsumexp",
    "rmax",
    "rmean",
    "rmin",
    "rmoments",
    "row",
    "rprod",
    "rsum",
    "rvar",
]
