"""Arguments given once for all dimensions or once a dimension."""

from collections.abc import Iterable


def _ntuple(n):
    def parse(value):
        if isinstance(value, Iterable):
            return tuple(value)
        return (value,) * n

    return parse


_single = _ntuple(1)
_pair = _ntuple(2)
_triple = _ntuple(3)
_quadruple = _ntuple(4)


def reverse_repeat(values, times):
    """values from last to first, each `times` times: the order in which pad wants them."""
    return tuple(value for value in reversed(values) for _ in range(times))
