"""Shapes and order of elements."""

import flambeau as fl

from .array import promoted


def _axes(axis):
    return (axis,) if isinstance(axis, int) else tuple(axis)


def broadcast_arrays(*arrays):
    """The arrays, all expanded to the one shape that they broadcast to."""
    return tuple(fl.broadcast_tensors(*arrays)) if arrays else ()


def broadcast_shapes(*shapes):
    """The one shape that shapes broadcast to; ValueError where there is none.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    try:
        return tuple(fl.broadcast_shapes(*shapes))
    except RuntimeError as error:
        raise ValueError(f"broadcast_shapes: {error}") from None


def broadcast_to(x, /, shape):
    """x, expanded to the shape."""
    return fl.broadcast_to(x, tuple(shape))


def concat(arrays, /, *, axis=0):
    """The arrays one after the other along an axis; flattened first if it is None."""
    arrays = promoted(*arrays)
    if axis is None:
        arrays, axis = [a.reshape(-1) for a in arrays], 0
    return fl.cat(arrays, axis)


def expand_dims(x, /, axis):
    """x with a new dimension of size 1 at the axis, or at each of several."""
    axes = _axes(axis)
    ndim = x.ndim + len(axes)
    if any(not -ndim <= a < ndim for a in axes):
        raise IndexError(f"expand_dims: axis {axis} is outside of -{ndim} to {ndim - 1}.")
    if len({a % ndim for a in axes}) != len(axes):
        raise ValueError(f"expand_dims: axis {axis} names one place twice.")
    for a in sorted(a % ndim for a in axes):
        x = fl.unsqueeze(x, a)
    return x


def flip(x, /, *, axis=None):
    """x with the order of its elements reversed along the axes, all of them by default."""
    return fl.flip(x, tuple(range(x.ndim)) if axis is None else _axes(axis))


def moveaxis(x, source, destination, /):
    """x with some of its dimensions at other places, the others in their order."""
    return fl.moveaxis(x, source, destination)


def permute_dims(x, /, axes):
    """x with its dimensions in the order of axes."""
    return fl.permute(x, tuple(axes))


def repeat(x, repeats, /, *, axis=None):
    """Each element, or each slice along the axis, several times in a row."""
    if isinstance(repeats, fl.Tensor):
        repeats = int(repeats) if repeats.ndim == 0 else repeats.to(fl.int64)
    return fl.repeat_interleave(x, repeats, axis)


def reshape(x, /, shape, *, copy=None):
    """x in another shape; copy=False raises ValueError where that needs a copy."""
    shape = tuple(shape)
    if copy:
        return fl.reshape(x.clone(), shape)
    if copy is False:
        try:
            return x.view(shape)
        except RuntimeError as error:
            raise ValueError(f"reshape: {shape} of {tuple(x.shape)} needs a copy.") from error
    return fl.reshape(x, shape)


def roll(x, /, shift, *, axis=None):
    """x, its elements moved by `shift` places along the axes; what leaves at one end enters at the other."""
    if axis is None:
        return fl.roll(x, shift)
    axes = _axes(axis)
    return fl.roll(x, shift if isinstance(shift, tuple) else (shift,) * len(axes), axes)


def squeeze(x, /, axis):
    """x without dimensions of size 1."""
    for a in _axes(axis):
        if x.shape[a] != 1:
            raise ValueError(f"squeeze: axis {a} has size {x.shape[a]}, not 1.")
    return fl.squeeze(x, _axes(axis))


def stack(arrays, /, *, axis=0):
    """Arrays of one shape along a new axis."""
    return fl.stack(promoted(*arrays), axis)


def tile(x, repetitions, /):
    """x, repeated as a whole along each dimension."""
    return fl.tile(x, tuple(repetitions))


def unstack(x, /, *, axis=0):
    """The slices of x along an axis."""
    return fl.unbind(x, axis)
