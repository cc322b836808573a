"""The reductions that operators are made of.

State dtypes are given as (within a block, between blocks). Sums of float32 meet in
float64, so their error does not grow with the length; small integers fit int32 within a block.
"""

import math

from ..language import (
    abs,
    cast,
    conj,
    exp,
    fmax,
    index,
    isnan,
    log,
    logical_and,
    logical_or,
    maximum,
    minimum,
    power,
    real,
    sqrt,
    where,
)
from ..types import DTYPES, compute_dtype, float_dtype, real_dtype
from .reduce import Reduce

# Steps in a block: 32 rounding errors of a float32 sum stay near 2 ulp, and ending a block costs 5 %.
SHORT = 32


def sums(dtype):
    """State of a sum of numbers of `dtype`."""
    d = DTYPES[dtype]
    if d.kind in "bui":
        return ("int32" if d.bits < 32 else "int64",), ("int64",)
    inner = compute_dtype(dtype)
    return (inner,), ("complex128" if d.kind == "c" else "float64",)


def real_sums(dtype):
    """State of a sum of real numbers made from floating or complex ones."""
    return (real_dtype(compute_dtype(float_dtype(dtype))),), ("float64",)


def counts(dtype):
    """State of a count."""
    return ("int32",), ("int64",)


def same(dtype):
    """State of the dtype of the input, in which nothing is rounded."""
    return (compute_dtype(dtype),), (compute_dtype(dtype),)


def same_and_index(dtype):
    """The same, with a position."""
    return (compute_dtype(dtype), "int64"), (compute_dtype(dtype), "int64")


def bools(dtype):
    """State of a truth value."""
    return ("bool",), ("bool",)


def moments(dtype):
    """State of (count, shift, sum, sum of squares)."""
    inner = compute_dtype(float_dtype(dtype))
    if DTYPES[inner].kind == "c":
        part = real_dtype(inner)
        return (part, inner, inner, part), ("float64", "complex128", "complex128", "float64")
    return (inner,) * 4, ("float64",) * 4


def _plus(a, b):
    return (a[0] + b[0],)


def _times(a, b):
    return (a[0] * b[0],)


def _add(s, x):
    return (s[0] + x,)


def _multiply(s, x):
    return (s[0] * x,)


sum_ = Reduce("sum", (0,), _add, _plus, state=sums, blocked=SHORT)
nansum = sum_.of(lambda x: where(isnan(x), 0, x), "nansum")
dot = sum_.of(lambda a, b: a * b, "dot", n_in=2)
sum_of_squares = Reduce(
    "sum_of_squares",
    (0,),
    lambda s, x: (s[0] + abs(x) * abs(x),),
    _plus,
    state=real_sums,
    blocked=SHORT,
)
mean = Reduce("mean", (0,), _add, _plus, finish=lambda s, n: s[0] / n, state=sums, blocked=SHORT)
# Rows of these are added up in the order of the two above where they are kernels by themselves, to the last bit.
own_sum = Reduce("sum", (0,), _add, _plus, state=sums, blocked=SHORT)
own_mean = Reduce(
    "mean", (0,), _add, _plus, finish=lambda s, n: s[0] / n, state=sums, blocked=SHORT
)
own_sum.own_order = own_mean.own_order = True
# Rows of this are added up as by a row kernel that computes no functions of mathematics in the pass.
plain_sum = Reduce("sum", (0,), _add, _plus, state=sums, blocked=SHORT)
plain_sum.side_by_side = 4
nanmean = Reduce(
    "nanmean",
    (0, 0),
    step=lambda s, x: (s[0] + where(isnan(x), 0, x), s[1] + where(isnan(x), 0, 1)),
    combine=lambda a, b: (a[0] + b[0], a[1] + b[1]),
    finish=lambda s, n: s[0] / s[1],
    state=lambda dtype: tuple(a + b for a, b in zip(sums(dtype), counts(dtype))),
    blocked=SHORT,
)


def _wide_ints(dtype):
    """State of a product: integers wrap at 64 bits."""
    inner, outer = sums(dtype)
    return (outer, outer) if outer == ("int64",) else (inner, outer)


prod = Reduce("prod", (1,), _multiply, _times, state=_wide_ints, blocked=SHORT)
count_nonzero = Reduce(
    "count_nonzero",
    (0,),
    lambda s, x: (s[0] + cast(x != 0, "int32"),),
    _plus,
    state=counts,
    blocked=SHORT,
)

# maximum(x, state), not maximum(state, x): on x86 the first operand is the one that needs a second
# look for NaN, and x is at hand early while the state is what everything waits for.
amax = Reduce(
    "amax", ("lowest",), lambda s, x: (maximum(x, s[0]),), lambda a, b: (maximum(a[0], b[0]),)
)
amin = Reduce(
    "amin", ("highest",), lambda s, x: (minimum(x, s[0]),), lambda a, b: (minimum(a[0], b[0]),)
)
aminmax = Reduce(
    "aminmax",
    ("highest", "lowest"),
    lambda s, x: (minimum(x, s[0]), maximum(x, s[1])),
    lambda a, b: (minimum(a[0], b[0]), maximum(a[1], b[1])),
    finish=lambda s, n: s,
    state=lambda dtype: ((compute_dtype(dtype),) * 2,) * 2,
)

# Of floating numbers, where that is all that is asked: the machine's comparison forgets a NaN, and that there was
# one is a truth value beside it, which costs less than maximum()'s second look at each element. Where lanes
# of short rows meet it costs more: they meet as states of amax, and a row of one vector is such a state at once.


def _greater(a, b):
    return where(a > b, a, b)


def _less(a, b):
    return where(a < b, a, b)


def _marked(count):
    """State of so many extrema, and whether there was a NaN."""
    return lambda dtype: ((compute_dtype(dtype),) * count + ("bool",),) * 2


def _extreme_of_floats(name, limit, better, meets):
    return Reduce(
        name,
        (limit, False),
        lambda s, x: (better(x, s[0]), logical_or(s[1], isnan(x))),
        lambda a, b: (better(a[0], b[0]), logical_or(a[1], b[1])),
        finish=lambda s, n: where(s[1], math.nan, s[0]),
        state=_marked(1),
        meets=meets,
    )


amax_of_floats = _extreme_of_floats("amax", "lowest", _greater, amax)
amin_of_floats = _extreme_of_floats("amin", "highest", _less, amin)
aminmax_of_floats = Reduce(
    "aminmax",
    ("highest", "lowest", False),
    lambda s, x: (_less(x, s[0]), _greater(x, s[1]), logical_or(s[2], isnan(x))),
    lambda a, b: (_less(a[0], b[0]), _greater(a[1], b[1]), logical_or(a[2], b[2])),
    finish=lambda s, n: (where(s[2], math.nan, s[0]), where(s[2], math.nan, s[1])),
    state=_marked(2),
    meets=aminmax,
)


def _truth(name, start, both):
    return Reduce(
        name,
        (start,),
        lambda s, x: (both(s[0], x != 0),),
        lambda a, b: (both(a[0], b[0]),),
        state=bools,
    )


any_ = _truth("any", False, logical_or)
all_ = _truth("all", True, logical_and)

# The value and the position of an extremum. A lane that never meets anything beyond its start (all
# its elements equal the limit itself) keeps the position NOWHERE; if all lanes do, every element is
# the limit and the first one is meant.
NOWHERE = 2**63 - 1


def _position_reduce(name, limit, beyond, finish):
    def step(s, x):
        best, at = s
        taken = ~beyond(best, x) & ~isnan(best)  # also where x is NaN
        return where(taken, x, best), where(taken, index(), at)

    def combine(a, b):
        nan_a, nan_b = isnan(a[0]), isnan(b[0])
        later = b[1] > a[1]
        equal = (a[0] == b[0]) | (nan_a & nan_b)
        b_wins = where(equal, ~later, nan_b | (~beyond(a[0], b[0]) & ~nan_a))
        return where(b_wins, b[0], a[0]), where(b_wins, b[1], a[1])

    return Reduce(name, (limit, NOWHERE), step, combine, finish, state=same_and_index)


def _value_and_position(s, n):
    return s[0], where(s[1] == NOWHERE, 0, s[1])


def _position(s, n):
    return where(s[1] == NOWHERE, 0, s[1])


max_with_index = _position_reduce("max", "lowest", lambda a, b: a >= b, _value_and_position)
min_with_index = _position_reduce("min", "highest", lambda a, b: a <= b, _value_and_position)
argmax = _position_reduce("argmax", "lowest", lambda a, b: a >= b, _position)
argmin = _position_reduce("argmin", "highest", lambda a, b: a <= b, _position)


# -- moments --------------------------------------------------------------------------------------
#
# State: the count, a shift c, and the sums of (x - c) and |x - c|**2. The shift of a lane is the
# first element it meets in a block; so no division is needed per element, and the cancellation in
# sum |x - c|**2 - |sum (x - c)|**2 / n costs one bit as a rule, log2(33) bits if that first element
# is the only one far away. Joined states have the shift at their mean, and their second sum is 0.


def _moments_step(s, x, correction):
    n, c, first, second = s
    c = where(n == 0, x, c)
    delta = x - c
    return n + 1, c, first + delta, second + _product(delta, delta)


def _product(a, b):
    return real(a * conj(b))


def _centred(s):
    """(count, mean, sum of squared deviations) of a state."""
    n, c, first, second = s
    offset = where(n == 0, 0, first / n)
    return n, c + offset, second - _product(first, offset)


def _moments_combine(a, b):
    (n_a, mean_a, m2_a), (n_b, mean_b, m2_b) = _centred(a), _centred(b)
    n = n_a + n_b
    share = where(n == 0, 0, n_b / n)
    delta = mean_b - mean_a
    # An empty side has share 0 (or leaves 1 to the other), mean 0 and m2 0, which change nothing.
    return n, mean_a + delta * share, 0, m2_a + m2_b + _product(delta, delta) * (n_a * share)


def _variance(s, correction):
    n, _, m2 = _centred(s)
    return maximum(m2, 0) / fmax(
        n - correction, 0
    )  # a correction of NaN leaves no degree of freedom


def _moments(name, finish):
    return Reduce(
        name,
        (0, 0, 0, 0),
        _moments_step,
        _moments_combine,
        finish,
        state=moments,
        n_params=1,
        blocked=SHORT,
    )


# One parameter: the correction (1 for the unbiased estimate).
var = _moments("var", lambda s, n, c: _variance(s, c))
std = _moments("std", lambda s, n, c: sqrt(_variance(s, c)))
var_mean = _moments("var_mean", lambda s, n, c: (_variance(s, c), _centred(s)[1]))
std_mean = _moments("std_mean", lambda s, n, c: (sqrt(_variance(s, c)), _centred(s)[1]))


# -- exponentials and norms -----------------------------------------------------------------------


def _apart(a, b):
    """a - b, but 0 for equal infinities."""
    return where(a == b, 0, a - b)


def _logsumexp_step(s, x):
    top, total = s
    e = exp(-abs(_apart(x, top)))  # of whichever is smaller, relative to the larger
    return maximum(x, top), where(x > top, total * e + 1, total + e)


def _logsumexp_combine(a, b):
    top = maximum(a[0], b[0])
    return top, a[1] * exp(_apart(a[0], top)) + b[1] * exp(_apart(b[0], top))


logsumexp = Reduce(
    "logsumexp",
    ("lowest", 0),
    _logsumexp_step,
    _logsumexp_combine,
    finish=lambda s, n: s[0] + log(s[1]),
    state=lambda dtype: ((compute_dtype(float_dtype(dtype)),) * 2,) * 2,
)

norm2 = Reduce(
    "norm2",
    (0,),
    lambda s, x: (s[0] + abs(x) * abs(x),),
    _plus,
    finish=lambda s, n: sqrt(s[0]),
    state=real_sums,
    blocked=SHORT,
)
norm1 = Reduce("norm1", (0,), lambda s, x: (s[0] + abs(x),), _plus, state=real_sums, blocked=SHORT)
norm_inf = Reduce(
    "norm_inf",
    (0,),
    lambda s, x: (maximum(abs(x), s[0]),),
    lambda a, b: (maximum(a[0], b[0]),),
    state=lambda dtype: (real_sums(dtype)[0],) * 2,
)
norm_minus_inf = Reduce(
    "norm_minus_inf",
    ("highest",),
    lambda s, x: (minimum(abs(x), s[0]),),
    lambda a, b: (minimum(a[0], b[0]),),
    state=lambda dtype: (real_sums(dtype)[0],) * 2,
)
norm0 = Reduce(
    "norm0", (0,), lambda s, x: (s[0] + cast(x != 0, "int32"),), _plus, state=counts, blocked=SHORT
)
# One parameter: p.
norm = Reduce(
    "norm",
    (0,),
    lambda s, x, p: (s[0] + power(abs(x), p),),
    _plus,
    finish=lambda s, n, p: power(s[0], 1 / p),
    state=real_sums,
    n_params=1,
    blocked=SHORT,
)
