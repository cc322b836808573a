"""What transforms ask of their arguments when they are made."""

import numbers

from ... import _core


def between(name, what, value, counts=(2,)):
    """[low, high] of a range given as one number, for both sides of 0, or as two (or as many as counts allow)."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"{name}: {what} is {value}; a single number must not be negative.")
        return [float(-value), float(value)]
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name}: {what} is {value!r}; it must be a number or (low, high).")
    if len(value) not in counts:
        raise ValueError(f"{name}: {what} is {value}; it must be a number or (low, high).")
    return [float(v) for v in value]


def check_fill(name, fill):
    """A number or one for each channel; 0 for None. TypeError of anything else."""
    if fill is None:
        return 0
    if not isinstance(fill, numbers.Number | list | tuple):
        raise TypeError(f"{name}: fill is {fill!r}; it must be a number or one for each channel.")
    return fill


def check_new_size(name, size):
    """A number or one or two in a sequence, as it is; TypeError or ValueError of anything else."""
    if not isinstance(size, int | list | tuple):
        raise TypeError(
            f"{name}: size is {size!r}; it must be a number, or one or two in a sequence."
        )
    if not isinstance(size, int) and len(size) not in (1, 2):
        raise ValueError(
            f"{name}: size is {size}; it must be a number, or one or two in a sequence."
        )
    return size


def check_pair(name, what, value):
    """TypeError unless a value is a sequence, or None; ValueError unless it has two numbers."""
    if value is None:
        return value
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name}: {what} is {value!r}; it must be two numbers.")
    if len(value) != 2:
        raise ValueError(f"{name}: {what} is {value}; it must be two numbers.")
    return value


def numbers_of_two(name, what, value):
    """[x, y] out of a number or of one or two. TypeError of what is none (True neither), ValueError of more."""
    several = list(value) if isinstance(value, list | tuple) else [value]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in several):
        raise TypeError(f"{name}: {what} is {value!r}; it must be a number or two.")
    if len(several) not in (1, 2):
        raise ValueError(f"{name}: {what} is {value!r}; it must be a number or two.")
    return [float(v) for v in (several * 2 if len(several) == 1 else several)]


def check_padding(name, padding):
    """ValueError unless a padding is None, an int, or 1, 2 or 4 of them."""
    several = isinstance(padding, list | tuple) and len(padding) in (1, 2, 4)
    numbers = padding if several else [padding]
    if padding is not None and not all(isinstance(number, int) for number in numbers):
        raise ValueError(
            f"{name}: padding is {padding!r}; it must be an int, or 1, 2 or 4 of them."
        )
    return padding


def check_padding_mode(name, padding_mode):
    """ValueError unless it is one of the four words."""
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            f"{name}: padding_mode is {padding_mode!r}; it must be 'constant', 'edge', 'reflect' or 'symmetric'."
        )
    return padding_mode


def check_shares(name, scale, ratio):
    """TypeError where scale or ratio is not (low, high); a warning where it is (high, low)."""
    for what, value in (("scale", scale), ("ratio", ratio)):
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise TypeError(f"{name}: {what} is {value!r}; it must be (low, high).")
        if value[0] > value[1]:
            _core._warn(f"{name}: {what} is {value}; it should be (low, high).")


def check_erasing(scale, ratio, value):
    check_shares("RandomErasing", scale, ratio)
    if not isinstance(value, int | float | str | list | tuple):
        raise TypeError(
            f"RandomErasing: value is {value!r}; it must be a number, one for each channel, or 'random'."
        )
    if isinstance(value, str) and value != "random":
        raise ValueError(f"RandomErasing: value is {value!r}; as a word it must be 'random'.")
    if not 0 <= scale[0] <= 1 or not 0 <= scale[1] <= 1:
        raise ValueError(f"RandomErasing: scale is {scale}; its values must lie in [0, 1].")
