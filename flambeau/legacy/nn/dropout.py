"""Dropout, of elements or of whole planes. Source: Srivastava et al., JMLR 15 (2014) 1929."""

import flambeau as torch

from .layer import Layer


class _Noisy(Layer):
    _shown = "({0.p:.4f})"

    def __init__(self, p):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(
                f"nn.{type(self).__name__}: p must be at least 0 and below 1, got {p}."
            )
        self.p = p
        self.noise = torch.Tensor()

    def setp(self, p):
        """Set the probability."""
        self.p = p

    def clearState(self):
        self.noise = self.noise.new()
        return super().clearState()


class Dropout(_Noisy):
    """Each element 0 with probability p, else divided by 1 - p; everything as it is after evaluate().

    `noise` holds the factors.
    """

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p)
        self.inplace = inplace

    def updateOutput(self, input):
        if self.train and self.p > 0:
            self.noise = torch.empty_like(input).bernoulli_(1 - self.p).div_(1 - self.p)
        return super().updateOutput(input)

    def _compute(self, input):
        return input * self.noise if self.train and self.p > 0 else input * 1


class _PlaneDropout(_Noisy):
    ndim = 4

    def __init__(self, p=0.5):
        super().__init__(p)

    def updateOutput(self, input):
        if input.dim() != self.ndim:
            raise RuntimeError(f"{self!r}: input must be {self.ndim}-D, got {tuple(input.shape)}.")
        if self.train:
            sizes = [*input.shape[:2], *[1] * (self.ndim - 2)]
            self.noise = input.new_empty(sizes).bernoulli_(1 - self.p)
        return super().updateOutput(input)

    def _compute(self, input):
        return input * (self.noise if self.train else 1 - self.p)


class SpatialDropout(_PlaneDropout):
    """Each plane of (N, C, H, W) 0 with probability p; everything times 1 - p after evaluate()."""


class VolumetricDropout(_PlaneDropout):
    """Each volume of (N, C, D, H, W) 0 with probability p; everything times 1 - p after evaluate()."""

    ndim = 5
