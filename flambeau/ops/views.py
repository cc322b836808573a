"""Transposes under their further names."""

from .. import _core
from .core.declare import METHODS, composite


@composite(out=False)
def swapaxes(input, axis0, axis1):
    """An alias of `transpose`."""
    return _core.transpose(input, axis0, axis1)


@composite(out=False)
def swapdims(input, dim0, dim1):
    """An alias of `transpose`."""
    return _core.transpose(input, dim0, dim1)


def _warn_of_number(name):
    _core._warn_once(
        f"{name} of a number",
        f"Tensor.{name}: a number has no dims to swap, and is given back as it is.",
    )


def _last_two_swapped(input):
    """The last two dims swapped; a number as it is."""
    if input.dim() == 0:
        _warn_of_number("mT")
        return input
    if input.dim() == 1:
        raise RuntimeError(
            f"mT: input {tuple(input.shape)} is a vector; it takes matrices. Write x.unsqueeze(0)."
        )
    return _core.transpose(input, -2, -1)


def _all_reversed(input):
    """The dims in reverse order."""
    if input.dim() == 0:
        _warn_of_number("T")
    elif input.dim() != 2:
        _core._warn_once(
            "T of other than a matrix",
            f"Tensor.T: input {tuple(input.shape)} is no matrix, and for others it is deprecated. Write "
            "x.mT for stacks of matrices, or x.permute(*range(x.ndim - 1, -1, -1)) for all dims reversed.",
        )
    return _core.permute(input, tuple(range(input.dim() - 1, -1, -1)))


METHODS["mT"] = property(_last_two_swapped)
METHODS["T"] = property(_all_reversed)
