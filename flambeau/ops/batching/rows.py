"""Rules of what runs along the last dimensions: softmax, attention, borders, norms of layers."""

import math

from ... import _core
from .. import attention, padding, rows
from .levels import sizes
from .values import (
    along,
    batched,
    front,
    full,
    is_batched,
    joint_levels,
    on_values,
    rule,
    same_for,
    unbatched,
)


@rule(_core._rows)
def _(address, outputs, inputs, kinds, n_rows, row_len):
    """A row kernel: the slices are more rows. Raises RuntimeError for a result made without them."""
    levels = joint_levels(*outputs, *inputs)
    slices = math.prod(sizes[level] for level in levels)
    values, known = zip(*map(unbatched, outputs))
    if any(own != levels for own in known):
        raise RuntimeError(
            "vmap: a row kernel writes into what the slices share. Make it by empty_like."
        )

    def as_rows(tensor, kind):
        if not is_batched(tensor) and tensor.numel() == 1 and kind == "x":
            return tensor
        value = full(tensor, levels)
        if tensor.numel() == 1 and kind == "x":  # a number for each slice: now one for each row
            value = value.reshape(slices, 1).expand(slices, n_rows)
        return value.contiguous()

    given = tuple(map(as_rows, inputs, kinds[len(outputs) :]))
    _core._rows(address, values, given, kinds, n_rows * slices, row_len)


@same_for(rows.softmax, rows.log_softmax)
def _(operator, input, dim, dtype=None):
    if type(dim) is not int or not input.dim():
        dim = int(dim)
    return along(lambda value, place: operator(value, place, dtype), (input,), dim)


@same_for(rows._softmax, rows._log_softmax)
def _(operator, input, dim):
    return along(operator, (input,), dim)


@same_for(rows._softmax_backward, rows._log_softmax_backward)
def _(operator, grad_output, result, dim):
    return along(operator, (grad_output, result), dim)


@same_for(attention._attend, padding.add_border, padding._fold_border)
def _(operator, *args):
    return on_values(operator, *args)


@rule(_core._attend_backward)
def _(*args):
    def run(*values):
        dense = (v.contiguous() if isinstance(v, _core.Tensor) else v for v in values)
        return _core._attend_backward(*dense)

    return on_values(run, *args)


@rule(rows._layer_norm)
def _(input, length, weight, bias, eps):
    """A row to each block, so the levels in front are more rows; what differs by level is applied behind."""
    levels = joint_levels(input, weight, bias)
    if not (is_batched(weight) or is_batched(bias)):
        return batched(rows._layer_norm(front(input, levels), length, weight, bias, eps), levels)
    normal = rows._layer_norm(input, length, None, None, eps)
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias


@rule(rows._rms_norm)
def _(input, length, weight, eps):
    levels = joint_levels(input, weight)
    if not is_batched(weight):
        return batched(rows._rms_norm(front(input, levels), length, weight, eps), levels)
    return rows._rms_norm(input, length, None, eps) * weight
