"""Kernels written in other languages for Python (Triton, CuTe): none replaces an operator here."""

import contextlib

from ..refusals import refusals

__all__ = [
    "all_dsls",
    "available_dsls",
    "get_dsl_operations",
    "is_dsl_disabled",
    "is_operation_disabled",
]

all_dsls = available_dsls = ()
_NAMES = "disable_dispatch_keys disable_operations enable_dispatch_keys enable_operations"
globals().update(
    refusals(
        _NAMES,
        "No kernel in another language replaces an operator here. flambeau.kernel makes kernels from Python.",
        "backends.python_native.",
        module=__name__,
    )
)
__all__ += [*_NAMES.split(), "operations_disabled"]


def get_dsl_operations(dsl):
    """The operators that a language replaces: none."""
    return []


def is_dsl_disabled(dsl):
    """Whether a language is switched off: True, it is not there."""
    return True


def is_operation_disabled(operation):
    """Whether kernels in another language are switched off for an operator: True, there are none."""
    return True


@contextlib.contextmanager
def operations_disabled(*operations):
    """A block without such kernels, as there are none anyway."""
    yield
