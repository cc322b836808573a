"""MKL is not used: matrix products are flambeau's own, factorizations OpenBLAS's."""


def is_available():
    """Whether MKL can be used: False."""
    return False
