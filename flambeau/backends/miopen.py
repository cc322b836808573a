"""MIOpen is not used: flambeau computes with kernels of its own."""

__all__ = ["is_available"]


def is_available():
    """Whether MIOpen can be used: False."""
    return False


immediate = False
