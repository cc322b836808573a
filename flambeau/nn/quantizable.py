"""Layers that can be quantized: the ordinary ones, which compute in floats."""

from .modules.attention import MultiheadAttention
from .modules.rnn import LSTM
from .modules.rnn_cell import LSTMCell

__all__ = ["LSTM", "LSTMCell", "MultiheadAttention"]
