"""A gated recurrent unit over a sequence as one node: the loops of csrc/kernels/recurrent/gru.h.

Second derivatives come from the steps of recurrences.py.
"""

import flambeau

from ..._core import _gru, _gru_backward, _is_batched, is_grad_enabled
from ...ops.core.declare import primitive
from .lstm import recorded
from .recurrences import gru_step


def gru_sequence(inputs, h, weights, counts, backwards):
    """(output, h_n) of projected inputs (all rows, 3 H), in one direction, from the state h (B, H).

    counts: the rows of each step of a packed sequence, or None: all of the batch.
    """
    return _sequence(inputs, h, weights["weight_hh"], weights.get("bias_hh"), counts, backwards)


@primitive(name="_gru", method=False, function=False, seen=True, out=False)
def _sequence(ctx, inputs, h, weight, bias, counts, backwards):
    keep = any(ctx.needs_input_grad)
    output, h_n, *kept = _gru(inputs, h, weight, bias, counts, backwards, keep)
    ctx.save_for_backward(inputs, h, weight, bias, *kept)
    ctx.options = counts, backwards
    return output, h_n


@_sequence.derivative
def _(ctx, grad_output, grad_h):
    inputs, h, weight, bias, gates, had_h = ctx.saved
    counts, backwards = ctx.options
    grads = (
        flambeau.zeros_like(inputs[:, : h.size(1)]) if grad_output is None else grad_output,
        flambeau.zeros_like(h) if grad_h is None else grad_h,
    )
    if is_grad_enabled() or any(map(_is_batched, grads)):
        operands = inputs, h, weight, bias
        return *recorded(gru_step, grads, operands, counts, backwards), None, None
    grad_inputs, grad_sums, grad_h = _gru_backward(*grads, weight, gates, had_h, counts, backwards)
    wants_weight, wants_bias = ctx.needs_input_grad[2:4]
    return (
        grad_inputs,
        grad_h,
        grad_sums.t() @ had_h if wants_weight else None,
        grad_sums.sum(0) if wants_bias else None,
        None,
        None,
    )
