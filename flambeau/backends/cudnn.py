"""cuDNN is not used. The switches can be set, as many programs do at their start."""

import contextlib

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available():
    """Whether cuDNN can be used: False."""
    return False


def version():
    """None: there is no cuDNN."""
    return None


def is_acceptable(tensor):
    """Whether cuDNN could compute with the tensor: False."""
    return False


@contextlib.contextmanager
def flags(
    enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True, **_
):
    """Other values of the switches, until the end of the block."""
    names = globals()
    new = {
        "enabled": enabled,
        "benchmark": benchmark,
        "benchmark_limit": benchmark_limit,
        "deterministic": deterministic,
        "allow_tf32": allow_tf32,
    }
    before = {name: names[name] for name in new}
    names.update(new)
    try:
        yield
    finally:
        names.update(before)
