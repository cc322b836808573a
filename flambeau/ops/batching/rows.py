"""Rules of what runs along rows: softmax, attention, norms of layers."""

from .. import attention, rows
from .values import along, batched, front, is_batched, joint_levels, on_values, rule, same_for


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


@same_for(attention._attend)
def _(operator, *args):
    return on_values(operator, *args)


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
