"""PyTorch's switch of the package opt_einsum, which is not used: einsum chooses its pairs itself."""

enabled = False
strategy = None


def is_available():
    """Whether opt_einsum plans contractions: False."""
    return False


def get_opt_einsum():
    """The package opt_einsum: None."""
    return None
