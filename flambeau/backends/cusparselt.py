"""cuSPARSELt is not used: flambeau computes with kernels of its own."""

__all__ = ["get_max_alg_id", "is_available", "version"]


def is_available():
    """Whether cuSPARSELt can be used: False."""
    return False


def version():
    """The library's version: None, it is not there."""
    return None


def get_max_alg_id():
    """The number of its algorithms: None, it is not there."""
    return None
