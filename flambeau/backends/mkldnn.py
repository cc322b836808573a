"""oneDNN is not used: convolutions are flambeau's own."""

import contextlib

enabled = True
deterministic = False
allow_tf32 = True


def is_available():
    """Whether oneDNN can be used: False."""
    return False


@contextlib.contextmanager
def flags(enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """A block in which the switches, which change nothing, may have other values."""
    yield
