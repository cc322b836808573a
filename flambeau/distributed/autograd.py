"""Backward passes through calls of functions in other processes: not offered, and each name says so."""

from .refused import refused

_NAMES = refused(
    "distributed.autograd",
    "DistAutogradContext backward context get_gradients",
    "It needs distributed.rpc; distributed.nn.functional has collectives with gradients.",
)
globals().update(_NAMES)
__all__ = ["is_available", *_NAMES]


def is_available():
    """Whether gradients pass through calls in other processes: False."""
    return False
