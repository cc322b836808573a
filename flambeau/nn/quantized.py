"""Layers over quantized tensors: names that refuse. FloatFunctional, which computes in floats before a model is
converted, works.
"""

import flambeau

from ..refusals import refusals
from .modules.module import Module

_REASON = "There are no quantized tensors here. Use the layer of torch.nn, in floats."
_REFUSED = """
    BatchNorm2d BatchNorm3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d DeQuantize Dropout
    ELU Embedding EmbeddingBag GroupNorm Hardswish InstanceNorm1d InstanceNorm2d InstanceNorm3d LSTM LayerNorm
    LeakyReLU Linear MaxPool2d MultiheadAttention PReLU QFunctional Quantize ReLU6 Sigmoid Softmax
"""
globals().update(refusals(_REFUSED, _REASON, "nn.quantized.", module=__name__))
__all__ = ["FXFloatFunctional", "FloatFunctional", *_REFUSED.split()]


class FloatFunctional(Module):
    """Operators as methods, so that a converter could find them: in floats they are the operators.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.quantized.FloatFunctional().add(torch.ones(2), torch.ones(2))
        tensor([2., 2.])
    """

    def __init__(self):
        super().__init__()
        from .modules.linear import Identity

        self.activation_post_process = Identity()

    def forward(self, x):
        raise RuntimeError(
            "FloatFunctional: it is not called; call a method of it, such as add(x, y)."
        )

    def add(self, x, y):
        """x + y."""
        return self.activation_post_process(flambeau.add(x, y))

    def add_scalar(self, x, y):
        """x + y of a number."""
        return flambeau.add(x, y)

    def mul(self, x, y):
        """x * y."""
        return self.activation_post_process(flambeau.mul(x, y))

    def mul_scalar(self, x, y):
        """x * y of a number."""
        return flambeau.mul(x, y)

    def cat(self, x, dim=0):
        """The tensors of a list one behind the other."""
        return self.activation_post_process(flambeau.cat(x, dim=dim))

    def add_relu(self, x, y):
        """relu(x + y)."""
        return self.activation_post_process(flambeau.add(x, y).relu())

    def matmul(self, x, y):
        """x @ y."""
        return self.activation_post_process(flambeau.matmul(x, y))


class FXFloatFunctional(FloatFunctional):
    """The same for traced models."""
