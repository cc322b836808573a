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


class CosineDistance(Layer):
    """The cosine of the angle between the rows of [a, b], matrices or vectors: (N,)."""

    def __init__(self):
        super().__init__()
        self.gradInput = [torch.Tensor(), torch.Tensor()]

    def _compute(self, input):
        a, b = map(_batch, input)
        tiny = 1e-12  # keeps rows of zeros finite
        return (a * b).sum(1) / (((a * a).sum(1) + tiny) * ((b * b).sum(1) + tiny)).sqrt()


class DotProduct(Layer):
    """The product of the rows of [a, b], matrices or vectors: (N,)."""

    def __init__(self):
        super().__init__()
        self.gradInput = [torch.Tensor(), torch.Tensor()]

    def _compute(self, input):
        a, b = map(_batch, input)
        return (a * b).sum(1)


class PairwiseDistance(Layer):
    """The p-norm of the difference of the rows of [a, b]: (N,)."""

    def __init__(self, p):
        super().__init__()
        if p % 1 != 0:
            raise ValueError(f"nn.PairwiseDistance: p must be a whole number, got {p}.")
        self.gradInput = []
        self.norm = p

    def __repr__(self):
        return f"nn.PairwiseDistance({self.norm})"

    def _compute(self, input):
        a, b = map(_batch, input)
        return torch.norm(a - b, self.norm, 1)


class Cosine(Layer):
    """The cosines of the angles between a row and each of outputSize vectors, the rows of weight."""

    def __init__(self, inputSize, outputSize):
        super().__init__()
        self.weight = torch.empty(outputSize, inputSize)
        self.gradWeight = torch.zeros(outputSize, inputSize)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(0)), self.weight)
        return self

    def __repr__(self):
        return f"nn.Cosine({self.weight.size(1)} -> {self.weight.size(0)})"

    def _compute(self, input):
        rows = _matrix(self, input)
        tiny = 1e-12
        lengths = rows.norm(2, 1, True) + tiny
        return rows @ self.weight.t() / (self.weight.norm(2, 1) + tiny) / lengths


class Euclidean(Layer):
    """The distances from a row to each of outputSize vectors, the columns of weight."""

    def __init__(self, inputSize, outputSize):
        super().__init__()
        self.weight = torch.empty(inputSize, outputSize)
        self.gradWeight = torch.zeros(inputSize, outputSize)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(0)), self.weight)
        return self

    def __repr__(self):
        return f"nn.Euclidean({self.weight.size(0)} -> {self.weight.size(1)})"

    def _compute(self, input):
        return (_matrix(self, input).unsqueeze(2) - self.weight).norm(2, 1)


class WeightedEuclidean(Layer):
    """The distances from a row to each of outputSize vectors, with a weight (diagCov) for every coordinate."""

    _parameter_names = ("weight", "diagCov")

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

    def __repr__(self):
        return f"nn.WeightedEuclidean({self.weight.size(0)} -> {self.weight.size(1)})"

    def _compute(self, input):
        if input.dim() not in (1, 2):
            raise RuntimeError(
                f"{self!r}: input must be a vector or a matrix, got {tuple(input.shape)}."
            )
        distances = ((_batch(input).unsqueeze(2) - self.weight) * self.diagCov).norm(2, 1)
        return distances if input.dim() == 2 else distances[0]
