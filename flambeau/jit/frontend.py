"""What reads TorchScript's source in PyTorch. Its errors can be named; nothing is read here."""

import inspect

from ..refusals import refusals

__all__ = ["FrontendError", "FrontendTypeError", "NotSupportedError", "get_default_args"]


class FrontendError(Exception):
    """What a compiler says of source that it cannot take; never raised."""


class NotSupportedError(FrontendError):
    """The same of Python that TorchScript has not."""


class UnsupportedNodeError(NotSupportedError):
    """The same of a construct."""


class FrontendTypeError(FrontendError):
    """The same of types."""


globals().update(
    refusals(
        "get_jit_def get_jit_class_def build_def parse_def",
        "Nothing is compiled from TorchScript here: programs run as Python.",
        "jit.frontend.",
        module=__name__,
    )
)


def get_default_args(fn):
    """{name: default} of a function's arguments that have one."""
    if fn is None:
        return {}
    parameters = inspect.signature(fn).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
