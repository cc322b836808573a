"""Switches of cuDNN, which computes convolutions where its wheel is installed.

`enabled` and `allow_tf32` (whether float32 may be rounded to tf32 there, True unless set) are heard; the others can be set.
Only algorithms that give the same bits every time are used, whatever `deterministic` and `benchmark` say; which way is
faster is measured once for each kind of convolution.
"""

import contextlib
import sys
import types

from ..ops.core import float32

benchmark = False
benchmark_limit = 10
deterministic = False


def _table():
    """cuDNN's entry points, or None where there is no device or no cuDNN."""
    import flambeau

    if not flambeau.cuda.is_available():
        return None
    from ..ops.cuda.libraries import cudnn

    return cudnn.dnn()


def is_available():
    """Whether there is a GPU, and cuDNN beside it."""
    return _table() is not None


def version():
    """cuDNN's version, 90100 for 9.1, or None without it."""
    table = _table()
    return None if table is None else table.version


def is_acceptable(tensor):
    """Whether cuDNN computes convolutions of such tensors here."""
    return (
        tensor.is_cuda and tensor.dtype.is_floating_point and float32.uses_cudnn and is_available()
    )


@contextlib.contextmanager
def flags(
    enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True, **_
):
    """Other values of the switches, until the end of the block."""
    module = sys.modules[__name__]
    new = {
        "enabled": enabled,
        "benchmark": benchmark,
        "benchmark_limit": benchmark_limit,
        "deterministic": deterministic,
        "allow_tf32": allow_tf32,
    }
    before = {name: getattr(module, name) for name in new}
    for name, value in new.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


def _asked(name):
    return property(
        lambda self: getattr(float32, name),
        lambda self, value: setattr(float32, name, bool(value)),
    )


class _Module(types.ModuleType):
    """`enabled` and `allow_tf32` live where convolutions ask for them."""

    enabled = _asked("uses_cudnn")
    allow_tf32 = _asked("cudnn_tf32")


sys.modules[__name__].__class__ = _Module
