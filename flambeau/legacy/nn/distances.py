"""Distances and angles: between rows of a table [a, b], or from rows to vectors that are learned."""

import flambeau as torch

from .layer import Layer
from .start import deviation, uniform


def _matrix(module, input):
    if input.dim() != 2:
        raise RuntimeError(f"{module!r}: input must be a matrix, got {tuple(input.shape)}.")
    return input


def _batch(input):
    """A vector as a batch of one row."""
    return input if input.dim() == 2 else input.unsqueeze(0)


class _OfTwo(Layer):
    def __init__(self):
        super().__init__()
        self.gradInput = [torch.Tensor(), torch.Tensor()]


class CosineDistance(_OfTwo):
    """The cosine of the angle between the rows of [a, b], matrices or vectors: (N,)."""

    def _compute(self, input):
        a, b = map(_batch, input)
        tiny = 1e-12  # keeps rows of zeros finite
        return (a * b).sum(1) / (((a * a).sum(1) + tiny) * ((b * b).sum(1) + tiny)).sqrt()


class DotProduct(_OfTwo):
    """The product of the rows of [a, b], matrices or vectors: (N,)."""

    def _compute(self, input):
        a, b = map(_batch, input)
        return (a * b).sum(1)


class PairwiseDistance(Layer):
    """The p-norm of the difference of the rows of [a, b]: (N,)."""

    _shown = "({0.norm})"

    def __init__(self, p):
        super().__init__()
        if p % 1 != 0:
            raise ValueError(f"nn.PairwiseDistance: p must be a whole number, got {p}.")
        self.gradInput = []
        self.norm = p

    def _compute(self, input):
        a, b = map(_batch, input)
        return torch.norm(a - b, self.norm, 1)


class _ToVectors(Layer):
    def __init__(self, inputSize, outputSize):
        super().__init__()
        self.weight = self._empty(inputSize, outputSize)
        self.gradWeight = torch.zeros_like(self.weight)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(0)), self.weight)
        return self


class Cosine(_ToVectors):
    """The cosines of the angles between a row and each of outputSize vectors, the rows of weight."""

    _shown = "({0.weight.shape[1]} -> {0.weight.shape[0]})"

    def _empty(self, inputs, outputs):
        return torch.empty(outputs, inputs)

    def _compute(self, input):
        rows = _matrix(self, input)
        tiny = 1e-12
        lengths = rows.norm(2, 1, True) + tiny
        return rows @ self.weight.t() / (self.weight.norm(2, 1) + tiny) / lengths


class Euclidean(_ToVectors):
    """The distances from a row to each of outputSize vectors, the columns of weight."""

    _shown = "({0.weight.shape[0]} -> {0.weight.shape[1]})"

    def _empty(self, inputs, outputs):
        return torch.empty(inputs, outputs)

    def _compute(self, input):
        return (_matrix(self, input).unsqueeze(2) - self.weight).norm(2, 1)


class WeightedEuclidean(Layer):
    """The distances from a row to each of outputSize vectors, with a weight (diagCov) for every coordinate."""

    _parameter_names = ("weight", "diagCov")
    _shown = "({0.weight.shape[0]} -> {0.weight.shape[1]})"

    def __init__(self, inputSize, outputSize):
        super().__init__()
        self.weight = torch.empty(inputSize, outputSize)
        self.gradWeight = torch.zeros(inputSize, outputSize)
        self.diagCov = torch.empty(inputSize, outputSize)
        self.gradDiagCov = torch.zeros(inputSize, outputSize)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(1)), self.weight)
        self.diagCov.fill_(1)
        return self

    def _compute(self, input):
        if input.dim() not in (1, 2):
            raise RuntimeError(
                f"{self!r}: input must be a vector or a matrix, got {tuple(input.shape)}."
            )
        distances = ((_batch(input).unsqueeze(2) - self.weight) * self.diagCov).norm(2, 1)
        return distances if input.dim() == 2 else distances[0]
