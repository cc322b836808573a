"""Functions of the values along a dimension: sums, maxima, norms, softmax."""

import flambeau.nn.functional as F

from .layer import AlongDimension, Layer


def _channel(input):
    """The dimension of classes: the only one of a vector, the first of a 3-D input, else dim 1."""
    if not 1 <= input.dim() <= 4:
        raise RuntimeError(
            f"legacy.nn softmax: input must have 1 to 4 dimensions, got {tuple(input.shape)}."
        )
    return 0 if input.dim() in (1, 3) else 1


class LogSoftMax(Layer):
    """The logarithm of SoftMax, exact where that would be 0."""

    def _compute(self, input):
        return F.log_softmax(input, _channel(input))


class SoftMax(Layer):
    """exp(x), divided by its sum over the classes: dim 0 of 1-D and 3-D inputs, dim 1 of 2-D and 4-D."""

    def _compute(self, input):
        return F.softmax(input, _channel(input))


class SoftMin(Layer):
    """SoftMax of -x."""

    def _compute(self, input):
        return F.softmax(-input, _channel(input))


class SpatialSoftMax(SoftMax):
    """SoftMax over the planes of an image, pixel by pixel: (N, C, H, W) or (C, H, W)."""


class _Reduction(AlongDimension):
    _shown = "({0.dimension})"

    def __init__(self, dimension=0):
        super().__init__(dimension)


class Max(_Reduction):
    """The largest values along a dimension, which goes away; the gradient goes to their first places."""

    def _compute(self, input):
        return input.max(self.dimension).values


class Min(_Reduction):
    """The smallest values along a dimension, which goes away; the gradient goes to their first places."""

    def _compute(self, input):
        return input.min(self.dimension).values


class Sum(_Reduction):
    """The sum along a dimension, which goes away; divided by its size if sizeAverage.

    A vector gives one value, of shape (1,).
    """

    def __init__(self, dimension=0, sizeAverage=False):
        super().__init__(dimension)
        self.sizeAverage = sizeAverage

    def _compute(self, input):
        keep = input.dim() == 1
        if self.sizeAverage:
            return input.mean(self.dimension, keepdim=keep)
        return input.sum(self.dimension, keepdim=keep)


class Mean(Sum):
    """The mean along a dimension, which goes away."""

    def __init__(self, dimension):
        super().__init__(dimension, True)


class Normalize(Layer):
    """Each row of a matrix divided by its p-norm, (sum |x|^p + eps)^(1/p); p may be inf."""

    def __init__(self, p, eps=1e-10):
        super().__init__()
        if p <= 0:
            raise ValueError(f"nn.Normalize: p must be above 0, got {p}.")
        self.p = p
        self.eps = eps

    def __repr__(self):
        return f"nn.Normalize({self.p})"

    def _compute(self, input):
        if input.dim() != 2:
            raise RuntimeError(f"{self!r}: input must be a matrix, got {tuple(input.shape)}.")
        if self.p == float("inf"):
            return input / (input.abs().max(1, keepdim=True).values + self.eps)
        powers = input.abs().pow(self.p).sum(1, keepdim=True)
        return input / (powers + self.eps).pow(1.0 / self.p)
