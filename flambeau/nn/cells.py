"""One step of each recurrence as a function of its weights; flambeau.lstm_cell and its like."""

from ..ops.core.arguments import require_tensors
from . import functional as F
from .modules.recurrences import gru_step, lstm_step, relu_step, tanh_step


def _step(name, step, gates, input, state, w_ih, w_hh, b_ih, b_hh):
    require_tensors(name, input=input, w_ih=w_ih, w_hh=w_hh)
    for part in state:
        require_tensors(name, hx=part)
    if input.dim() != 2 or any(part.dim() != 2 for part in state):
        raise RuntimeError(
            f"{name}: input {tuple(input.shape)} and the state {tuple(state[0].shape)} must have 2 "
            "dims, (N, features)."
        )
    hidden = state[0].size(1)
    wanted = (gates * hidden, input.size(1)), (gates * hidden, hidden)
    if (tuple(w_ih.shape), tuple(w_hh.shape)) != wanted:
        raise RuntimeError(
            f"{name}: w_ih {tuple(w_ih.shape)} and w_hh {tuple(w_hh.shape)} must be {wanted[0]} and "
            f"{wanted[1]} for {input.size(1)} features and a state of {hidden}."
        )
    if any(tuple(part.shape) != (input.size(0), hidden) for part in state):
        raise RuntimeError(
            f"{name}: each state must be {(input.size(0), hidden)}, as the batch and w_hh have it, "
            f"but they are {[tuple(part.shape) for part in state]}."
        )
    return step(F.linear(input, w_ih, b_ih), state, {"weight_hh": w_hh, "bias_hh": b_hh})


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """(h', c'): one step of a long short-term memory, gates in the order i, f, g, o.

    Args:
        input (Tensor): (N, features).
        hx (pair of Tensors): h and c, (N, hidden) each.
        w_ih, w_hh (Tensor): (4 * hidden, features) and (4 * hidden, hidden).
        b_ih, b_hh (Tensor, optional): (4 * hidden,) each.

    Raises:
        RuntimeError: the shapes do not fit each other.

    Source: Hochreiter, Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997) 1735.

    Example:
        >>> h, c = torch.lstm_cell(torch.ones(1, 2), (torch.zeros(1, 3), torch.zeros(1, 3)),
        ...                        torch.zeros(12, 2), torch.zeros(12, 3))
        >>> h
        tensor([[0., 0., 0.]])
    """
    if len(hx) != 2:
        raise RuntimeError(f"lstm_cell: hx holds {len(hx)} tensors; it must be the pair (h, c).")
    return _step("lstm_cell", lstm_step, 4, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """h': one step of a gated recurrent unit, gates in the order r, z, n.

    Shape: input (N, features), hx (N, hidden), w_ih (3 * hidden, features), w_hh (3 * hidden, hidden).
    Source: Cho et al., 2014, arXiv:1406.1078.
    """
    return _step("gru_cell", gru_step, 3, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """h' = tanh(w_ih x + b_ih + w_hh h + b_hh).

    Shape: input (N, features), hx (N, hidden), w_ih (hidden, features), w_hh (hidden, hidden).
    """
    return _step("rnn_tanh_cell", tanh_step, 1, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """h' = relu(w_ih x + b_ih + w_hh h + b_hh); shapes as in rnn_tanh_cell."""
    return _step("rnn_relu_cell", relu_step, 1, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
