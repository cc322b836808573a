"""Random numbers inside vmap: refused, the same for all slices, or different ones, as `randomness` says."""

from ... import _core
from .levels import active, sizes
from .values import full, is_batched, unbatched


def _different():
    """The levels at which every slice gets its own numbers."""
    stack = active()
    if any(level.randomness == "error" for level in stack):
        raise RuntimeError(
            "vmap: a random operator was called, and whether slices share its numbers is not said. Pass "
            "randomness='same' or 'different'."
        )
    return tuple(level.number for level in stack if level.randomness == "different")


def fresh(tensor):
    """A new tensor that is about to be filled: batched where slices get their own numbers."""
    levels = _different()
    if not levels:
        return tensor
    lead = (sizes[level] for level in levels)
    value = _core.empty(*lead, *tensor.shape, dtype=tensor.dtype, device=tensor.device)
    return _core._batch(value, levels)


def draw(fill, tensor, parameters):
    """fill(tensor, parameters), which writes random numbers over a tensor, slice by slice the same or not."""
    different = _different()
    own = unbatched(tensor)[1]
    if not set(different) <= set(own):
        raise RuntimeError(
            "vmap: a random operator writes numbers that differ from slice to slice into a tensor that all "
            "slices share. Use its out-of-place form, or randomness='same'."
        )
    if different == own:
        fill(tensor, parameters)
        return tensor
    if any(map(is_batched, parameters)):
        raise RuntimeError(
            "vmap: with randomness='same' all slices get the same numbers, but a parameter of the random "
            "operator differs from slice to slice. Pass randomness='different'."
        )
    lead = (sizes[level] for level in different)
    value = _core.empty(*lead, *tensor.shape, dtype=tensor.dtype, device=tensor.device)
    fill(value, parameters)
    return tensor.copy_(_core._batch(value, different))


def dropout(run, input):
    """run(tensor), a dropout, of the input: its mask is drawn by the places of elements."""
    different = _different()
    own = unbatched(input)[1]
    if set(own) <= set(different):
        return _core._batch(run(full(input, different)), different)
    lead = (sizes[level] for level in different)
    ones = _core.ones(*lead, *input.shape, dtype=input.dtype, device=input.device)
    return input * _core._batch(run(ones), different)


def counts(run, *tensors):
    """run(*tensors), which draws a number for each element of tensors of one shape."""
    different = _different()
    if not all(set(unbatched(t)[1]) <= set(different) for t in tensors):
        raise RuntimeError(
            "vmap: with randomness='same' all slices get the same numbers, but a parameter of the random "
            "operator differs from slice to slice. Pass randomness='different'."
        )
    return _core._batch(run(*(full(t, different).contiguous() for t in tensors)), different)
