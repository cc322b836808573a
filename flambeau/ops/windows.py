"""What convolution and pooling have in common: windows over the last 1 to 3 dimensions.

Arguments become one integer a dimension, and every message names the operator.
"""

from ..types import OutOfMemoryError, channels_last, channels_last_3d
from .core.arguments import few, is_plain


def pixel_order(input):
    """The memory format of images that lie pixel after pixel; None where they have none."""
    return {4: channels_last, 5: channels_last_3d}.get(input.dim())


def has_pixels(input):
    """Whether the channels of its pixels lie side by side, on the CPU."""
    order = pixel_order(input)
    return (
        order is not None
        and input.device.type == "cpu"
        and is_plain(input)
        and not input.is_contiguous()
        and input.is_contiguous(memory_format=order)
    )


def per_dim(value, n, operator, name):
    """`value` as a tuple of n integers: a number or a sequence of one for all, or one a dimension."""
    if isinstance(value, int):
        return (value,) * n
    try:
        values = few(value)
    except TypeError:
        try:
            return (value.__index__(),) * n
        except AttributeError:
            raise TypeError(
                f"{operator}: {name} must be an int or a sequence of ints, not "
                f"{type(value).__name__}."
            ) from None
    if len(values) == 1:
        values *= n
    if len(values) != n:
        raise RuntimeError(
            f"{operator}: {name} is {list(values)}; it must be one int, or {n}, one for each dim."
        )
    try:
        return tuple(v if type(v) is int else v.__index__() for v in values)
    except AttributeError:
        raise TypeError(f"{operator}: {name} is {values}; it must hold ints.") from None


def within_reach(sizes, operator):
    """`sizes` of a result; raises OutOfMemoryError where 64 bits do not hold them."""
    if max(sizes) >= 2**63:
        raise OutOfMemoryError(
            f"{operator}: out of memory: a result of sizes {tuple(sizes)} is beyond the address space."
        )
    return sizes


def at_least(least, values, operator, name):
    """Raises RuntimeError unless every value is at least `least`."""
    for value in values:
        if value < least:
            raise RuntimeError(f"{operator}: {name} is {values}; it takes {least} or more.")


def window_count(size, kernel, stride, padding, dilation, ceil_mode=False):
    """How many windows fit into a dimension; with ceil_mode also a last one that starts inside but reaches past the end."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count
