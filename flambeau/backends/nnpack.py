"""NNPACK is not used: flambeau computes with kernels of its own."""

import contextlib

__all__ = ["flags", "is_available", "set_flags"]


def is_available():
    """Whether NNPACK can be used: False."""
    return False


def set_flags(_enabled):
    """The switch as it was, as a tuple: (False,); there is nothing to switch."""
    return (False,)


@contextlib.contextmanager
def flags(enabled=False):
    """A block in which the switch, which changes nothing, may have another value."""
    yield
