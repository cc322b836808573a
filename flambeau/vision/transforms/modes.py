"""Words that all transforms use: how values between pixels are found, sizes."""

import enum
import functools
import inspect
import numbers


class InterpolationMode(enum.Enum):
    """How a value between pixels is found; box, hamming and lanczos are of PIL images alone."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of the modes.
_NUMBERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
PIL_NUMBERS = {mode: number for number, mode in _NUMBERS.items()} | {"nearest-exact": 0}


@functools.cache
def check_mode(name, interpolation):
    """The InterpolationMode of itself, its name or Pillow's number."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    word = _NUMBERS.get(interpolation) if isinstance(interpolation, int) else interpolation
    try:
        return InterpolationMode(word)
    except ValueError:
        raise TypeError(
            f"{name}: interpolation is {interpolation!r}; it must be an InterpolationMode or its name."
        ) from None


def pair(size):
    """(height, width) out of one number, a sequence of one, or of two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    size = tuple(size)
    if len(size) == 1:
        return size * 2
    if len(size) != 2:
        raise ValueError(
            f"vision.transforms: size must be a number or (height, width), not {size}."
        )
    return size


def shows_first(function, like, name):
    """Let `function` have the signature of `like`, whose first parameter is called `name`."""
    signature = inspect.signature(like)
    first, *rest = signature.parameters.values()
    function.__signature__ = signature.replace(parameters=[first.replace(name=name), *rest])


def shown(names):
    """A __repr__: the class, and name=value for each of `names`, a text; of a mode its word."""
    names = names.split()

    def __repr__(self):
        values = ((name, getattr(self, name)) for name in names)
        told = ((n, v.value if isinstance(v, InterpolationMode) else v) for n, v in values)
        return f"{type(self).__name__}({', '.join(f'{n}={v}' for n, v in told)})"

    return __repr__
