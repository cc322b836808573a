"""One step of each recurrence, from the projected input, the state and the weights to the state."""

from .. import functional as F


def _projected(h, weights):
    return F.linear(h, weights["weight_hh"], weights.get("bias_hh"))


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
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    if "weight_hr" in weights:
        h = F.linear(h, weights["weight_hr"])
    return h, c


def gru_step(x, state, weights):
    """h' of a gated recurrent unit; gates r, z, n."""
    h = state[0]
    x_r, x_z, x_n = x.chunk(3, -1)
    h_r, h_z, h_n = _projected(h, weights).chunk(3, -1)
    z = (x_z + h_z).sigmoid()
    n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
    return (n + z * (h - n),)


CELLS = {"RNN_TANH": tanh_step, "RNN_RELU": relu_step, "LSTM": lstm_step, "GRU": gru_step}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
