"""Lower precision by context, for functions of nn.functional; other operators say it where they are declared."""

from .declare import operator


def lower_precision(function):
    """`function` as an operator whose floating arguments are cast to autocast's dtype where it is on."""
    return operator(function, autocast="lower")


def full_precision(function):
    """`function` as an operator whose arguments of half precision are cast to float32 where autocast is on."""
    return operator(function, autocast="float32")
