"""Recurrent layers: RNN, LSTM, GRU over whole sequences."""

import math
import numbers

import flambeau

from ... import _core
from ...ops.core.arguments import check_room
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .gru import gru_sequence
from .homes import elsewhere
from .lstm import lstm_sequence, takes, takes_bfloat16
from .module import Module
from .recurrences import CELLS, GATES, run_steps


def apply_permutation(tensor, permutation, dim=1):
    """tensor with its slices along dim in the order of `permutation`."""
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """Layers of one recurrence over a sequence, in one or both directions.

    Parameters of layer k: weight_ih_lk, weight_hh_lk, bias_ih_lk, bias_hh_lk, for LSTM with proj_size
    also weight_hr_lk; with "_reverse" for the other direction. The gates are stacked in dimension 0.

    Args:
        mode (str): "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        all others: as of RNN and LSTM.

    Example:
        >>> layers = nn.RNNBase("LSTM", 4, 8, num_layers=2)
        >>> layers.weight_hh_l1.shape  # four gates of 8
        torch.Size([32, 8])
    """

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
        "bidirectional", "proj_size",
    ]  # fmt: skip
    __jit_unused_properties__ = ["all_weights"]

    def __init__(
        self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        _check(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._make_parameters(device, dtype)
        self.reset_parameters()

    def _make_parameters(self, device, dtype):
        gates = GATES[self.mode] * self.hidden_size
        out = self.proj_size or self.hidden_size
        self._all_weights = []
        # Layer by layer, memory would be found too small only when it is full.
        weights = 4 * gates * out * self._directions * self.num_layers
        check_room(weights, flambeau.empty(0, device=device))
        for layer in range(self.num_layers):
            size = self.input_size if layer == 0 else out * self._directions
            shapes = {"weight_ih": (gates, size), "weight_hh": (gates, out)}
            if self.bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if self.proj_size:
                shapes["weight_hr"] = (self.proj_size, self.hidden_size)
            for suffix in ("", "_reverse")[: self._directions]:
                names = []
                for kind, shape in shapes.items():
                    name = f"{kind}_l{layer}{suffix}"
                    names.append(name)
                    value = flambeau.empty(shape, device=device, dtype=dtype)
                    setattr(self, name, Parameter(value))
                self._all_weights.append(names)

    @property
    def _directions(self):
        return 2 if self.bidirectional else 1

    @property
    def all_weights(self):
        """The parameters, one list a layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights):
        # What libraries compute with in place of the parameters, which stay what they are.
        for name, weight in zip(self._flat_weights_names, weights, strict=True):
            self.__dict__.pop(name, None)
            if self._parameters.get(name) is not weight:
                self.__dict__[name] = weight

    def flatten_parameters(self):
        """Nothing to do; for programs that expect it."""

    def reset_parameters(self):
        """Draw all parameters uniform in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    # -- checks

    def check_input(self, input, batch_sizes):
        """ValueError or RuntimeError unless the input has the weights' dtype, or autocast is on, and input_size features."""
        weight = self.all_weights[0][0]
        if input.dtype != weight.dtype and not flambeau.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"{self._get_name()}: input is {input.dtype} but the weights are {weight.dtype}. "
                "Convert input with .to()."
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(
                f"{self._get_name()}: input {tuple(input.shape)} must have {expected} dims."
            )
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"{self._get_name()}: input {tuple(input.shape)} has {input.size(-1)} features; "
                f"input_size is {self.input_size}. The last size of input must be input_size."
            )

    def _check_hidden(self, name, hidden, size, batch):
        wanted = (self.num_layers * self._directions, batch, size)
        if tuple(hidden.shape) != wanted:
            raise RuntimeError(
                f"{self._get_name()}: {name} {tuple(hidden.shape)} must be {wanted}, (layers and "
                "directions, batch, features)."
            )

    def _check_state(self, state, batch):
        out = self.proj_size or self.hidden_size
        self._check_hidden("h_0", state[0], out, batch)
        if self.mode == "LSTM":
            self._check_hidden("c_0", state[1], self.hidden_size, batch)

    def _initial_state(self, batch, like):
        layers = self.num_layers * self._directions
        sizes = [self.proj_size or self.hidden_size]
        if self.mode == "LSTM":
            sizes.append(self.hidden_size)
        return tuple(
            flambeau.zeros((layers, batch, size), dtype=like.dtype, device=like.device)
            for size in sizes
        )

    # -- computation

    def forward(self, input, hx=None):
        """(output, final state) of the sequence `input`.

        Shape: input (T, B, input_size), (B, T, input_size) if batch_first, (T, input_size), or a
        PackedSequence; hx (layers * directions, B, hidden_size), for LSTM a pair (hx, cx).
        """
        packed = isinstance(input, PackedSequence)
        state = None if hx is None else tuple(hx) if self.mode == "LSTM" else (hx,)
        if packed:
            data, batch_sizes, sorted_indices, unsorted_indices = input
            counts = batch_sizes.tolist()
            self.check_input(data, batch_sizes)
            if state is not None and sorted_indices is not None:
                state = tuple(part.index_select(1, sorted_indices) for part in state)
            batch, batched = counts[0], True
        else:
            data, state, batched = self._batched(input, state)
            self.check_input(data, None)
            counts = None
            batch = data.size(1)
            if data.size(0) == 0:
                raise RuntimeError(
                    f"{self.mode}: a sequence has at least one step, but got an input of "
                    f"{tuple(input.shape)}."
                )
        if state is None:
            state = self._initial_state(batch, data)
        else:
            self._check_state(state, batch)

        rows, final = self._layers(data, state, counts)
        if not packed and self._is_lowered(data):
            rows, final = rows.bfloat16(), tuple(part.bfloat16() for part in final)

        if packed:
            if unsorted_indices is not None:
                final = tuple(part.index_select(1, unsorted_indices) for part in final)
            result = PackedSequence(rows, batch_sizes, sorted_indices, unsorted_indices)
        else:
            result = rows.reshape(data.size(0), batch, rows.size(-1))
            if not batched:
                result = result.squeeze(1)
                final = tuple(part.squeeze(1) for part in final)
            elif self.batch_first:
                result = result.transpose(0, 1)
        return result, final if self.mode == "LSTM" else final[0]

    def _is_lowered(self, data):
        """Whether autocast makes the outputs and the state of these layers over unpacked `data` bfloat16."""
        return (
            self.mode == "LSTM"
            and not self.proj_size
            and data.device.type == "cpu"
            and data.dtype in (flambeau.float32, flambeau.bfloat16)
            and flambeau.is_autocast_enabled("cpu")
            and flambeau.get_autocast_dtype("cpu") is flambeau.bfloat16
        )

    def _batched(self, input, state):
        """The input as (T, B, *), the state as (layers, B, *), whether there was a batch."""
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: input {tuple(input.shape)} must have 3 dims, or 2 without a "
                "batch."
            )
        batched = input.dim() == 3
        if state is not None and any(part.dim() != input.dim() for part in state):
            kind = "a batched" if batched else "an unbatched"
            if self.mode == "LSTM":
                got = " and ".join(str(part.dim()) for part in state)
                raise RuntimeError(
                    f"{self._get_name()}: with {kind} input of {input.dim()} dims, h_0 and c_0 "
                    f"need as many, but they have {got}."
                )
            raise RuntimeError(
                f"{self._get_name()}: with {kind} input of {input.dim()} dims, h_0 needs as many, "
                f"but it has {state[0].dim()}."
            )
        if not batched:
            input = input.unsqueeze(1)
            state = None if state is None else tuple(part.unsqueeze(1) for part in state)
        elif self.batch_first:
            input = input.transpose(0, 1)
        return input, state, batched

    def _layers(self, data, state, counts):
        """The outputs of the last layer, (all rows, features), and the final state of every layer."""
        kinds = [name.rpartition("_l")[0] for name in self._all_weights[0]]
        weights = [
            dict(zip(kinds, [getattr(self, name) for name in names], strict=True))
            for names in self._all_weights
        ]
        dropout = self.dropout if self.training else 0
        sequence = None if self.proj_size else _SEQUENCES.get(self.mode)
        n_steps = data.size(0) if counts is None else len(counts)
        halves = sequence is lstm_sequence and takes_bfloat16(data, state, weights, n_steps)
        if sequence and (halves or takes(data, state, weights)):
            if halves:
                for own in weights:
                    _join_biases(own, "bias_ih")
            rows = data.flatten(0, -2)
            return _run_fused(sequence, rows, state, weights, counts, self.bidirectional, dropout)
        steps = list(data.unbind(0) if counts is None else data.split(counts))
        outputs, final = run_layers(
            CELLS[self.mode], steps, state, weights, counts, self.bidirectional, dropout
        )
        return flambeau.cat(outputs), final

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


def _check(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size):
    who = mode.partition("_")[0]  # RNN_TANH
    if (
        not isinstance(dropout, numbers.Number)
        or isinstance(dropout, bool)
        or not 0 <= dropout <= 1
    ):
        raise ValueError(f"{who}: dropout is {dropout!r}; a probability is a number from 0 to 1.")
    if dropout > 0 and num_layers == 1:
        _core._warn(
            f"{who}: dropout={dropout} acts between layers, and there is only "
            f"num_layers={num_layers}. Use more layers, or nn.Dropout behind it."
        )
    kinds = {"input_size": int, "hidden_size": int, "bias": bool, "batch_first": bool}
    values = {
        "input_size": input_size, "hidden_size": hidden_size, "bias": bias,
        "batch_first": batch_first,
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(values[name], kind):
            raise TypeError(
                f"{who}: {name} must be {kind.__name__}, not {type(values[name]).__name__}."
            )
    if input_size <= 0:
        raise ValueError(f"{who}: input_size is {input_size}; it must be 1 or more.")
    if hidden_size <= 0:
        raise ValueError(f"{who}: hidden_size is {hidden_size}; it must be 1 or more.")
    if num_layers <= 0:
        raise ValueError(f"{who}: num_layers is {num_layers}; it must be 1 or more.")
    if proj_size < 0:
        raise ValueError(f"{who}: proj_size is {proj_size}; it must be 0, for none, or more.")
    if proj_size >= hidden_size:
        raise ValueError(
            f"{who}: proj_size is {proj_size}; it must be below hidden_size, {hidden_size}."
        )
    if mode not in GATES:
        raise ValueError(f"RNNBase: mode is {mode!r}; it must be one of {tuple(GATES)}.")


def run_layers(cell, steps, state, weights, counts, bidirectional, dropout):
    """The outputs of the last layer, one a time, and the final state of every layer and direction.

    Args:
        cell: a step of recurrences.py.
        weights (list of dict): those of each layer and direction, as the step takes them.
        counts (list of int, optional): rows of each step, of a packed sequence.
        dropout (float): between layers.
    """
    finals, stride = [], 2 if bidirectional else 1
    for layer in range(0, len(weights), stride):
        directions = []
        for place in range(layer, layer + stride):
            start = tuple(part[place] for part in state)
            outputs, final = _run(cell, steps, start, weights[place], counts, place > layer)
            directions.append(outputs)
            finals.append(final)
        if bidirectional:
            steps = [flambeau.cat(both, -1) for both in zip(*directions, strict=True)]
        else:
            steps = directions[0]
        if dropout and layer < len(weights) - stride:
            dropped = F.dropout(flambeau.cat(steps), dropout, True)
            steps = list(dropped.split([step.size(0) for step in steps]))
    return steps, tuple(flambeau.stack(parts) for parts in zip(*finals, strict=True))


def _run(cell, steps, state, weights, counts, backwards):
    """One layer in one direction: the outputs in order of time, and the final state."""
    # One product for all times instead of one each.
    projected = F.linear(flambeau.cat(steps), weights["weight_ih"], weights.get("bias_ih"))
    projected = projected.split([step.size(0) for step in steps])
    return run_steps(cell, projected, state, weights, counts, backwards)


# Whole sequences as one node each.
_SEQUENCES = {"LSTM": lstm_sequence, "GRU": gru_sequence}


def _join_biases(own, name):
    """Both biases as one, whose gradient is one sum."""
    if "bias_ih" in own and "bias_hh" in own:
        own[name] = own.pop("bias_ih") + own.pop("bias_hh")


def _run_fused(sequence, rows, state, weights, counts, bidirectional, dropout):
    """What run_layers gives for a recurrence of _SEQUENCES without projections, the steps of `rows` (all rows, features) in one tensor."""
    finals, stride = [], 2 if bidirectional else 1
    for layer in range(0, len(weights), stride):
        directions = []
        for place in range(layer, layer + stride):
            own = weights[place]
            if sequence is lstm_sequence:
                _join_biases(own, "bias_hh")
            inputs = F.linear(rows, own["weight_ih"], own.get("bias_ih"))
            start = [part[place] for part in state]
            output, *final = sequence(inputs, *start, own, counts, place > layer)
            directions.append(output)
            finals.append(final)
        rows = flambeau.cat(directions, -1) if bidirectional else directions[0]
        if dropout and layer < len(weights) - stride:
            rows = F.dropout(rows, dropout, True)
    return rows, tuple(flambeau.stack(parts) for parts in zip(*finals, strict=True))


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    Args:
        input_size (int): of an element of the sequence.
        hidden_size (int): of the state.
        num_layers (int): each takes the outputs of the one below.
        nonlinearity (str): "tanh" or "relu".
        bias (bool): whether biases are added.
        batch_first (bool): (B, T, features) in place of (T, B, features).
        dropout (float): probability of a 0 between layers, in training.
        bidirectional (bool): a second recurrence from the end; outputs side by side.
        device, dtype: of the parameters.

    Example:
        >>> output, h = nn.RNN(10, 20, num_layers=2)(torch.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
        batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None, **kwargs,
    ):  # fmt: skip
        if "proj_size" in kwargs:
            raise ValueError("RNN: has no argument 'proj_size'; only LSTM has.")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity is {nonlinearity!r}; it must be 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, 0, device, dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """Long short-term memory. Source: Hochreiter, Schmidhuber, Neural Computation 9 (1997) 1735.

    i, f, o = sigmoid, g = tanh of W_i x + b_i + W_h h + b_h; c' = f * c + i * g; h' = o * tanh(c').

    Args:
        proj_size (int): outputs and h are projected to this size; 0: they are not.
        all others: as of RNN, without nonlinearity.

    Example:
        >>> output, (h, c) = nn.LSTM(10, 20, num_layers=2)(torch.randn(5, 3, 10))
        >>> output.shape, h.shape, c.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent units. Source: Cho et al., 2014, arXiv:1406.1078.

    r, z = sigmoid of W x + b + V h + d; n = tanh(W_n x + b_n + r * (V_n h + d_n));
    h' = (1 - z) * n + z * h.

    Args:
        all: as of RNN, without nonlinearity.

    Example:
        >>> output, h = nn.GRU(10, 20, num_layers=2)(torch.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, device=None, dtype=None, **kwargs,
    ):  # fmt: skip
        if "proj_size" in kwargs:
            raise ValueError("GRU: has no argument 'proj_size'; only LSTM has.")
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            0, device, dtype,
        )  # fmt: skip


__getattr__ = elsewhere(rnn_cell="RNNCellBase RNNCell LSTMCell GRUCell")
