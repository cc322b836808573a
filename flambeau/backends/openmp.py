"""OpenMP is not used: the thread pool is flambeau's own."""


def is_available():
    """Whether OpenMP can be used: False."""
    return False
