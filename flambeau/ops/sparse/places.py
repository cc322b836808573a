"""What a tensor has at the places of a sparse one, which is the derivative of making one of values."""

import math

from ..core import operators as fl
from .coalesce import coalesce
from .convert import to_coo, to_dense
from .frame import COO, assembled, entries, flat_index, frame_of, is_sparse, same_places


def look_up(input, places, dense_dim):
    """The values that a sparse tensor has at these places (sparse dims, N); 0 where it has none."""
    size = input.shape
    input = to_coo(input)
    if frame_of(input).dense_dim != dense_dim:
        input = to_dense(input)
        sparse = input.dim() - dense_dim
        rows = input.reshape(math.prod(size[:sparse]), *size[sparse:])
        return rows.index_select(0, flat_index(places, size[:sparse]))
    input = coalesce(input)
    frame, values = frame_of(input), entries(input)
    if frame.sparse_dim == 0:
        if values.shape[0]:
            return values.expand(places.shape[1], *values.shape[1:])
        return values.new_zeros((places.shape[1], *values.shape[1:]))
    if values.shape[0] == 0:
        return values.new_zeros((places.shape[1], *frame.dense_size))
    keys = flat_index(frame.indices, frame.sparse_size)
    wanted = flat_index(places, frame.sparse_size)
    at = fl.searchsorted(keys.contiguous(), wanted.contiguous()).clamp(max=keys.numel() - 1)
    missing = keys.index_select(0, at) != wanted
    found = values.index_select(0, at)
    return found.masked_fill(missing.reshape(-1, *(1,) * dense_dim), 0)


def values_at(input, frame, shape):
    """What `input`, dense or sparse, has at the places of a frame, as values of that shape."""
    if is_sparse(input):
        own = frame_of(input)
        if same_places(own, frame) and (frame.coalesced or frame.layout != COO):
            found = entries(input)
            if found.shape == shape:
                return found
        flat = look_up(input, frame.places(shape), frame.dense_dim)
        return flat.reshape(shape)
    places = frame.places(shape)
    if frame.sparse_dim == 0:
        return input.expand(shape)
    flat = flat_index(places, frame.sparse_size)
    rows = input.reshape(math.prod(frame.sparse_size), *frame.dense_size)
    return rows.index_select(0, flat).reshape(shape)


@assembled.derivative
def _(ctx, grad_output):
    return values_at(grad_output, ctx.frame, ctx.shape), None
