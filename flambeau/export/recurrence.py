"""RNN, LSTM and GRU over whole sequences as one function of their weights, so that a graph has one node each."""

import contextlib

import flambeau

from ..nn.modules.rnn import GRU, LSTM, RNN, RNNBase
from ..nn.utils.rnn import PackedSequence

__all__ = ["recurrence", "recurrences_as_one"]


def recurrence(input, state, weights, mode, options):
    """(output, *final state) of nn.RNN, LSTM or GRU.

    Args:
        input (Tensor): (T, B, input_size), or (B, T, input_size) if batch_first.
        state (tuple of Tensor, optional): (layers * directions, B, hidden_size) each; zeros if None.
        weights (list of Tensor): in the order of the layer's parameters.
        mode (str): "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        options (dict): input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            training.

    Returns:
        tuple of Tensor: output, h_n, and for LSTM c_n.
    """
    options = dict(options)
    training = options.pop("training")
    kind = {"LSTM": LSTM, "GRU": GRU}.get(mode, RNN)
    if kind is not LSTM:
        options.pop("proj_size")
    if kind is RNN:
        options["nonlinearity"] = mode.removeprefix("RNN_").lower()
    layer = kind(**options, device="meta").train(training)
    named = dict(zip(layer._flat_weights_names, weights, strict=True))
    if mode != "LSTM" and state is not None:
        (state,) = state
    output, final = flambeau.func.functional_call(layer, named, (input, state))
    return (output, *final) if mode == "LSTM" else (output, final)


@contextlib.contextmanager
def recurrences_as_one(recorder):
    """Lets a recorder see each call of such a layer as one call of recurrence()."""
    forward = RNNBase.forward

    def recorded(self, input, hx=None):
        if isinstance(input, PackedSequence):
            raise NotImplementedError(
                f"export: {type(self).__name__} of a PackedSequence. Export it with padded sequences."
            )
        state = hx if hx is None or self.mode == "LSTM" else (hx,)
        options = {
            name: getattr(self, name)
            for name in "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size "
            "training".split()
        }

        def compute(*args):
            output, final = forward(self, input, hx)
            return (output, *final) if self.mode == "LSTM" else (output, final)

        output, *final = recorder.call(
            recurrence, compute, (input, state, self._flat_weights, self.mode, options)
        )
        return output, tuple(final) if self.mode == "LSTM" else final[0]

    RNNBase.forward = recorded
    try:
        yield
    finally:
        RNNBase.forward = forward
