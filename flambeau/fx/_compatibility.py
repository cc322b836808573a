"""Marks of interfaces, which programs put on their own functions."""

__all__ = ["compatibility"]


def compatibility(is_backward_compatible):
    """A decorator that changes nothing."""
    return lambda function: function
