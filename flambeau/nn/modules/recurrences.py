"""One step of each recurrence, from the projected input, the state and the weights to the state; and all steps in turn."""

import flambeau

from ...kernels import language as k
from ...ops.core.declare import make_pointwise
from .. import functional as F

# The gates of a step in one pass each. Written with operators, a step of an LSTM is 9 of them.
_lstm_c = make_pointwise(
    lambda i, f, g, c: k.sigmoid(f) * c + k.sigmoid(i) * k.tanh(g),
    name="lstm_c",
    compute="floating",
)
_lstm_h = make_pointwise(lambda o, c: k.sigmoid(o) * k.tanh(c), name="lstm_h", compute="floating")
_gru_n = make_pointwise(
    lambda x, r, h: k.tanh(x + k.sigmoid(r) * h), name="gru_n", compute="floating"
)
_gru_h = make_pointwise(
    lambda z, n, h: n + k.sigmoid(z) * (h - n), name="gru_h", compute="floating"
)


def _projected(h, weights):
    weight = weights["weight_hh"]
    if h.dtype is not weight.dtype and weight.dtype is flambeau.bfloat16:  # as loops round it
        h = h.to(weight.dtype)
    return F.linear(h, weight, weights.get("bias_hh"))


def tanh_step(x, state, weights):
    """h' = tanh(x + V h + d)."""
    return ((x + _projected(state[0], weights)).tanh(),)


def relu_step(x, state, weights):
    """h' = relu(x + V h + d)."""
    return (F.relu(x + _projected(state[0], weights)),)


def lstm_step(x, state, weights):
    """(h', c') of a long short-term memory; gates i, f, g, o."""
    h, c = state
    i, f, g, o = (x + _projected(h, weights)).chunk(4, -1)
    c = _lstm_c(i, f, g, c)
    h = _lstm_h(o, c)
    if "weight_hr" in weights:
        h = F.linear(h, weights["weight_hr"])
    return h, c


def gru_step(x, state, weights):
    """h' of a gated recurrent unit; gates r, z, n."""
    h = state[0]
    x_r, x_z, x_n = x.chunk(3, -1)
    h_r, h_z, h_n = _projected(h, weights).chunk(3, -1)
    n = _gru_n(x_n, x_r + h_r, h_n)
    return (_gru_h(x_z + h_z, n, h),)


CELLS = {"RNN_TANH": tanh_step, "RNN_RELU": relu_step, "LSTM": lstm_step, "GRU": gru_step}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def run_steps(cell, projected, state, weights, counts, backwards):
    """One layer in one direction, step by step: the outputs in order of time, and the final state.

    With `counts`, of a packed sequence, step t has counts[t] rows: forwards, sequences that have
    ended leave the state; backwards, they join it at their last element.
    """
    order = range(len(projected) - 1, -1, -1) if backwards else range(len(projected))
    outputs = [None] * len(projected)
    if counts is None:
        for t in order:
            state = cell(projected[t], state, weights)
            outputs[t] = state[0]
        return outputs, state
    start, ended = state, []
    state = tuple(part[: counts[order[0]]] for part in state)
    for t in order:
        rows = state[0].size(0)
        if counts[t] < rows:
            ended.append(tuple(part[counts[t] :] for part in state))
            state = tuple(part[: counts[t]] for part in state)
        elif counts[t] > rows:
            state = tuple(
                flambeau.cat([part, first[rows : counts[t]]])
                for part, first in zip(state, start, strict=True)
            )
        state = cell(projected[t], state, weights)
        outputs[t] = state[0]
    ended.append(state)
    return outputs, tuple(flambeau.cat(parts[::-1]) for parts in zip(*ended, strict=True))
