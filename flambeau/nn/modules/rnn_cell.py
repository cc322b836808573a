"""Recurrent cells: one step at a time."""

import math

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import settle
from .module import Module
from .recurrences import gru_step, lstm_step, relu_step, tanh_step
from .utils import check_sizes


class RNNCellBase(Module):
    """The parameters of a cell: weight_ih, weight_hh, bias_ih, bias_hh, gates in dimension 0.

    Args:
        input_size, hidden_size (int): of x and of h.
        bias (bool): whether there are biases.
        num_chunks (int): how many gates there are.
        device, dtype: of the parameters.

    Example:
        >>> nn.RNNCellBase(4, 8, bias=True, num_chunks=3).weight_ih.shape
        torch.Size([24, 4])
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        check_sizes(self, input_size=input_size, hidden_size=hidden_size)
        made = {"device": device, "dtype": dtype}
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(flambeau.empty((gates, input_size), **made))
        self.weight_hh = Parameter(flambeau.empty((gates, hidden_size), **made))
        if bias:
            self.bias_ih = Parameter(flambeau.empty(gates, **made))
            self.bias_hh = Parameter(flambeau.empty(gates, **made))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters uniform in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, step, input, states):
        """The new states, with or without a batch as the input."""
        name = self._get_name()
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{name}: input {tuple(input.shape)} must have 2 dims, (N, input_size), or 1 "
                "without a batch."
            )
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"{name}: input {tuple(input.shape)} has {input.size(-1)} features; input_size is "
                f"{self.input_size}."
            )
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        ready = []
        for i, state in enumerate(states):
            if state is None:
                state = x.new_zeros((x.size(0), self.hidden_size))
            else:
                if state.dim() not in (1, 2):
                    raise ValueError(
                        f"{name}: the state {tuple(state.shape)} must have 2 dims, (N, "
                        "hidden_size), or 1 without a batch."
                    )
                state = state if batched else state.unsqueeze(0)
                if state.size(-1) != self.hidden_size:
                    raise RuntimeError(
                        f"{name}: state {i} {tuple(state.shape)} has {state.size(-1)} features; "
                        f"hidden_size is {self.hidden_size}."
                    )
                if state.size(0) != x.size(0):
                    raise RuntimeError(
                        f"{name}: input has a batch of {x.size(0)}, but state {i} one of "
                        f"{state.size(0)}."
                    )
            ready.append(state)
        weights = {"weight_hh": self.weight_hh, "bias_hh": self.bias_hh}
        new = step(F.linear(x, self.weight_ih, self.bias_ih), tuple(ready), weights)
        return new if batched else tuple(state.squeeze(0) for state in new)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text


class RNNCell(RNNCellBase):
    """h' = tanh(W x + b + V h + d), or relu.

    Args:
        input_size, hidden_size (int): of x and of h.
        bias (bool): whether b and d are added.
        nonlinearity (str): "tanh" or "relu".
        device, dtype: of the parameters.

    Example:
        >>> nn.RNNCell(10, 20)(torch.randn(3, 10), torch.zeros(3, 20)).shape
        torch.Size([3, 20])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(
                f"RNNCell: nonlinearity is {self.nonlinearity!r}; it must be 'tanh' or 'relu'."
            )
        step = tanh_step if self.nonlinearity == "tanh" else relu_step
        return self._step(step, input, (hx,))[0]


class LSTMCell(RNNCellBase):
    """(h', c') of a long short-term memory; see LSTM.

    Args:
        input_size, hidden_size, bias, device, dtype: as of RNNCell.

    Example:
        >>> h, c = nn.LSTMCell(10, 20)(torch.randn(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        return self._step(lstm_step, input, (None, None) if hx is None else tuple(hx))


class GRUCell(RNNCellBase):
    """h' of a gated recurrent unit; see GRU.

    Args:
        input_size, hidden_size, bias, device, dtype: as of RNNCell.

    Example:
        >>> nn.GRUCell(10, 20)(torch.randn(3, 10), torch.zeros(3, 20)).shape
        torch.Size([3, 20])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step(gru_step, input, (hx,))[0]


settle("rnn", RNNCellBase, RNNCell, LSTMCell, GRUCell)
