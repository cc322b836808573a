"""Apple's GPUs are not supported: what asks is told so."""

from .backends.mps import is_available

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "synchronize"]


def device_count():
    """How many can be used: 0."""
    return 0


def empty_cache():
    """Nothing: there is no memory of a device."""


def manual_seed(seed):
    """Nothing: there is no device to seed."""
    int(seed)


def synchronize():
    """Nothing: there is no device to wait for."""
