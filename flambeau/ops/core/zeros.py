"""Gradients of what was picked: added to, or put into, zeros."""

from ... import _core
from . import operators as fl

_MAKES_ITS_OWN = ("scatter", "scatter_add")  # the copies they write into, of one expanded zero too


def into_zeros(write, shape, grad, *args, **options):
    """What the operator named `write` makes of zeros of `shape` and `args`, among them `grad`.

    In place where nobody records it and no vmap has a part in it: a copy of zeros would cost as much as making them.
    """
    if write in _MAKES_ITS_OWN:
        zero = fl.zeros((), dtype=grad.dtype, device=grad.device)
        return getattr(fl, write)(zero.expand(shape), *args, **options)
    zeros = fl.zeros(shape, dtype=grad.dtype, device=grad.device)
    if _core.is_grad_enabled() or any(_is_batched(a) for a in args):
        return getattr(fl, write)(zeros, *args, **options)
    return getattr(zeros, f"{write}_")(*args, **options)


def _is_batched(arg):
    if isinstance(arg, tuple):
        return any(_is_batched(a) for a in arg)
    return isinstance(arg, _core.Tensor) and _core._is_batched(arg)
