"""The names of fake tensors, to be asked about."""

from ..refusals import refused

__all__ = [
    "FakeTensor",
    "FakeTensorMode",
    "is_fake",
    "maybe_get_fake_mode",
    "unset_fake_temporarily",
]

_REASON = "Tensors without bytes are on the meta device: use device='meta'."
FakeTensor = refused("FakeTensor", _REASON, module=__name__)
FakeTensorMode = refused("FakeTensorMode", _REASON, module=__name__)


def is_fake(x):
    """Whether x is a FakeTensor: False."""
    return False


def maybe_get_fake_mode(t):
    """The mode that a fake tensor was made in: None."""
    return None


def unset_fake_temporarily():
    """A context in which no mode of fake tensors is in force: there is none."""
    import contextlib

    return contextlib.nullcontext()
