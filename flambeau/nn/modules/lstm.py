"""A long short-term memory over a sequence as one node: the loops of csrc/kernels/recurrent/lstm.h.

Second derivatives come from the steps of recurrences.py.
"""

import flambeau

from ..._core import _is_batched, _lstm, _lstm_backward, _run_backward, is_grad_enabled
from ...ops.core.declare import primitive
from .recurrences import lstm_step, run_steps


def takes(data, state, weights):
    """Whether the loops take these: one real dtype of full precision on the CPU, no slices of a vmap."""
    dtype = data.dtype
    if dtype not in (flambeau.float32, flambeau.float64) or flambeau.is_autocast_enabled("cpu"):
        return False
    tensors = [data, *state]
    for own in weights:
        tensors.extend(own.values())
    for t in tensors:
        if t.dtype is not dtype or t.device.type != "cpu" or _is_batched(t):
            return False
    return True


def takes_bfloat16(data, state, weights, n_steps):
    """Whether the loops take these as bfloat16, to which autocast brings what is multiplied; a few steps do not repay packing the weights."""
    cast = flambeau.is_autocast_enabled("cpu")
    if n_steps < 4 or (cast and flambeau.get_autocast_dtype("cpu") is not flambeau.bfloat16):
        return False
    dtypes = (flambeau.bfloat16, flambeau.float32) if cast else (flambeau.bfloat16,)
    tensors = [data, *state]
    for own in weights:
        tensors.extend(own.values())
    for t in tensors:
        if t.dtype not in dtypes or t.device.type != "cpu" or _is_batched(t):
            return False
    return state[0].dtype is state[1].dtype


def lstm_sequence(inputs, h, c, weights, counts, backwards):
    """(output, h_n, c_n) of projected inputs (all rows, 4 H), in one direction, from the state h, c (B, H).

    counts: the rows of each step of a packed sequence, or None: all of the batch.
    Beside inputs of bfloat16 the state may be float32, and there is no bias.
    """
    hidden = weights["weight_hh"].to(inputs.dtype), weights.get("bias_hh")
    return _sequence(inputs, h, c, *hidden, counts, backwards)


@primitive(name="_lstm", method=False, function=False, seen=True, out=False)
def _sequence(ctx, inputs, h, c, weight, bias, counts, backwards):
    output, h_n, c_n, *kept = _lstm(
        inputs, h, c, weight, bias, counts, backwards, any(ctx.needs_input_grad)
    )
    ctx.save_for_backward(inputs, h, c, weight, bias, *kept)
    ctx.options = counts, backwards
    return output, h_n, c_n


@_sequence.derivative
def _(ctx, grad_output, grad_h, grad_c):
    inputs, h, c, weight, bias, gates, had_h, had_c = ctx.saved
    counts, backwards = ctx.options
    zeros = flambeau.zeros_like
    grads = (
        zeros(inputs[:, : h.size(1)]) if grad_output is None else grad_output,
        zeros(h) if grad_h is None else grad_h,
        zeros(c) if grad_c is None else grad_c,
    )
    if is_grad_enabled() or any(map(_is_batched, grads)):
        operands = inputs, h, c, weight, bias
        return *recorded(lstm_step, grads, operands, counts, backwards), None, None
    grad_gates, grad_h, grad_c = _lstm_backward(*grads, weight, gates, had_c, counts, backwards)
    wants_weight, wants_bias = ctx.needs_input_grad[3:5]
    return (
        grad_gates,
        grad_h,
        grad_c,
        grad_gates.t() @ had_h if wants_weight else None,
        grad_gates.sum(0) if wants_bias else None,
        None,
        None,
    )


def recorded(step, grads, operands, counts, backwards):
    """Gradients that have derivatives themselves where the engine asks for these, by the steps of recurrences.py.

    operands: the projected inputs, the state, the weight and the bias or None.
    """
    second = is_grad_enabled()
    with flambeau.enable_grad():
        # Names of their own: one may depend on another.
        own = [
            None if t is None else t.view_as(t) if t.requires_grad else t.detach().requires_grad_()
            for t in operands
        ]
        inputs, *state, weight, bias = own
        weights = {"weight_hh": weight} | ({} if bias is None else {"bias_hh": bias})
        steps = inputs.split(state[0].size(0) if counts is None else counts)
        outputs, final = run_steps(step, steps, tuple(state), weights, counts, backwards)
        made = [flambeau.cat(outputs), *final]
        wanted = [t for t in own if t is not None]
        found = _run_backward(made, list(grads), True, second, wanted, True)
    return (*found, None)[: len(operands)]
