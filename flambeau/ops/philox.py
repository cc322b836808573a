"""Philox counters in the kernel language: each element's number depends on seed, call and place alone.

Element i of call c takes the four 32-bit words that Philox-4x32-10 makes of the counter (i, c) and the
key `seed`: the same numbers for any number of threads, on any device.
Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11.
"""

import math

from ..kernels import language as k
from .core.declare import make_pointwise

M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85
LOW = 0xFFFFFFFF


def philox(seed, call):
    """The four 32-bit words (as uint64) of the element at index()."""
    u64 = lambda x: k.cast(x, "uint64")
    i, c, key = u64(k.index()), u64(call), u64(seed)
    x0, x1, x2, x3 = i & LOW, i >> 32, c & LOW, c >> 32
    k0, k1 = key & LOW, key >> 32
    for _ in range(10):
        a, b = x0 * M0, x2 * M1
        x0, x1, x2, x3 = (b >> 32) ^ x1 ^ k0, b & LOW, (a >> 32) ^ x3 ^ k1, a & LOW
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return x0, x1, x2, x3


def short_philox(seed, call):
    """One 32-bit word (as uint64) of the element at index(), at half the price of philox().

    Philox-2x32 of the counter (i / 2, c), a word for each of two neighbours, in the 7 rounds that suffice for
    BigCrush: for masks, of which nobody asks more than that they are independent.
    """
    u64 = lambda x: k.cast(x, "uint64")
    i, c, key = u64(k.index()), u64(call), u64(seed)
    x0, x1 = i >> 1 & LOW, (c + (i >> 33) * W0) & LOW
    key = (key * 0xD2B74407B1CE6E93) >> 32
    for _ in range(7):
        a = x0 * 0xD256D193
        x0, x1 = (a >> 32) ^ x1 ^ key, a & LOW
        key = (key + W0) & LOW
    return k.where((i & 1) == 1, x1, x0)


def unit(word):
    """A word as a number in [0, 1) with 24 bits."""
    return k.cast(k.cast(word >> 8, "int32"), "float32") * 2.0**-24


def unit64(high, low):
    """Two words as a number in [0, 1) with 53 bits."""
    return k.cast(k.cast(((high << 32) | low) >> 11, "int64"), "float64") * 2.0**-53


def random_map(fn, name):
    """A map of (seed, call, *parameters) that draws."""
    return make_pointwise(
        fn, name=name, keep=("seed", "call"), differentiable=False, uses_index=True
    )


def _uniform32(seed, call, low, high):
    return low + (high - low) * unit(philox(seed, call)[0])


def _uniform64(seed, call, low, high):
    a, b, _, _ = philox(seed, call)
    return low + (high - low) * unit64(a, b)


def _normal32(seed, call, mean, std):
    # Box-Muller; 1 - u lies in (0, 1], so the logarithm is finite.
    a, b, _, _ = philox(seed, call)
    radius = k.sqrt(-2.0 * k.log(1.0 - unit(a)))
    return mean + std * (radius * k.cos(6.283185307179586 * unit(b)))


def _normal64(seed, call, mean, std):
    a, b, c, d = philox(seed, call)
    radius = k.sqrt(-2.0 * k.log(1.0 - unit64(a, b)))
    return mean + std * (radius * k.cos(6.283185307179586 * unit64(c, d)))


def _integer(seed, call, low, span):
    a, b, _, _ = philox(seed, call)
    return low + k.cast(((a << 32 | b) >> 1) % k.cast(span, "uint64"), "int64")


def _small_integer(seed, call, low, span):
    # A span below 2**32: of 64 random bits times span, the bits above them. No division is needed.
    a, b, _, _ = philox(seed, call)
    span = k.cast(span, "uint64") & LOW
    return low + k.cast((a * span + (b * span >> 32)) >> 32, "int64")


def _wide_integer(seed, call, low, span):
    # A span of 2**63 and more; 2**64, which stands as 0, needs no remainder.
    a, b, _, _ = philox(seed, call)
    bits, span = a << 32 | b, k.cast(span, "uint64")
    return low + k.cast(k.where(span == 0, bits, bits % k.where(span == 0, 1, span)), "int64")


def _positive32(seed, call):
    """A number of (0, 1]."""
    return 1.0 - unit(philox(seed, call)[0])


def _positive64(seed, call):
    return 1.0 - unit64(*philox(seed, call)[:2])


def _exponential32(seed, call, rate):
    return k.log(_positive32(seed, call)) / -rate


def _exponential64(seed, call, rate):
    return k.log(_positive64(seed, call)) / -rate


# Trials up to the first success; step is the logarithm of the chance to fail.
def _geometric32(seed, call, step):
    return k.maximum(k.ceil(k.log(_positive32(seed, call)) / step), 1)


def _geometric64(seed, call, step):
    return k.maximum(k.ceil(k.log(_positive64(seed, call)) / step), 1)


def _cauchy32(seed, call, median, sigma):
    return median + sigma * k.tan(math.pi * (_positive32(seed, call) - 0.5))


def _cauchy64(seed, call, median, sigma):
    return median + sigma * k.tan(math.pi * (_positive64(seed, call) - 0.5))


UNIFORM = {32: random_map(_uniform32, "uniform_"), 64: random_map(_uniform64, "uniform_")}
NORMAL = {32: random_map(_normal32, "normal_"), 64: random_map(_normal64, "normal_")}
INTEGERS = random_map(_integer, "random_")
SMALL_INTEGERS = random_map(_small_integer, "random_")
WIDE_INTEGERS = random_map(_wide_integer, "random_")
BERNOULLI = random_map(
    lambda seed, call, p: k.where(unit(philox(seed, call)[0]) < p, 1, 0), "bernoulli"
)
EXPONENTIAL = {
    32: random_map(_exponential32, "exponential_"),
    64: random_map(_exponential64, "exponential_"),
}
GEOMETRIC = {
    32: random_map(_geometric32, "geometric_"),
    64: random_map(_geometric64, "geometric_"),
}
CAUCHY = {32: random_map(_cauchy32, "cauchy_"), 64: random_map(_cauchy64, "cauchy_")}
