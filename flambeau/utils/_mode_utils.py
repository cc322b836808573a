"""What programs ask of modes: operators outside of all of them."""

from ._python_dispatch import _disable_current_modes

__all__ = ["all_same_mode", "no_dispatch"]


def no_dispatch():
    """A context in which no mode of `utils._python_dispatch` is in force."""
    return _disable_current_modes()


def all_same_mode(modes):
    """Whether all modes are the first one."""
    return all(mode == modes[0] for mode in modes)
