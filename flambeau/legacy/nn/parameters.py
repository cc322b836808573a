"""Products and sums with parameters."""

import flambeau as torch
import flambeau.nn.functional as F

from .layer import Layer
from .start import deviation, uniform


class Linear(Layer):
    """x @ weight.T + bias, for a vector (inputSize,) or a batch (N, inputSize).

    Example:
        >>> from flambeau.legacy import nn
        >>> nn.Linear(3, 2)
        nn.Linear(3 -> 2)
    """

    def __init__(self, inputSize, outputSize, bias=True):
        super().__init__()
        self.weight = torch.empty(outputSize, inputSize)
        self.gradWeight = torch.zeros(outputSize, inputSize)
        self.bias = torch.empty(outputSize) if bias else None
        self.gradBias = torch.zeros(outputSize) if bias else None
        self.reset()

    def noBias(self):
        """Leave the bias out from here on; returns self."""
        self.bias = self.gradBias = None
        return self

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(1)), self.weight, self.bias)
        return self

    def __repr__(self):
        bias = "" if self.bias is not None else " without bias"
        return f"nn.Linear({self.weight.size(1)} -> {self.weight.size(0)}){bias}"

    def _compute(self, input):
        return F.linear(input, self.weight, self.bias)


class Bilinear(Layer):
    """x1 @ weight[k] @ x2 + bias[k] for each row of the table [x1, x2] and each output k."""

    def __init__(self, inputSize1, inputSize2, outputSize, bias=True):
        super().__init__()
        self.weight = torch.empty(outputSize, inputSize1, inputSize2)
        self.gradWeight = torch.zeros(outputSize, inputSize1, inputSize2)
        self.bias = torch.empty(outputSize) if bias else None
        self.gradBias = torch.zeros(outputSize) if bias else None
        self.gradInput = [torch.Tensor(), torch.Tensor()]
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(1)), self.weight, self.bias)
        return self

    def __repr__(self):
        outputs, first, second = self.weight.shape
        bias = "" if self.bias is not None else " without bias"
        return f"nn.Bilinear({first}x{second} -> {outputs}){bias}"

    def _compute(self, input):
        return F.bilinear(input[0], input[1], self.weight, self.bias)


class Add(Layer):
    """x + bias: one bias for every element of a sample, of shape inputSize; a single one if scalar."""

    def __init__(self, inputSize, scalar=False):
        super().__init__()
        if scalar and inputSize != 1:
            raise ValueError(f"nn.Add: a scalar has inputSize 1, got {inputSize}.")
        self.scalar = scalar
        size = (inputSize,) if isinstance(inputSize, int) else tuple(inputSize)
        self.bias = torch.empty(size)
        self.gradBias = torch.zeros(size)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.bias.size(0)), self.bias)
        return self

    def _compute(self, input):
        if self.scalar:
            return input + self.bias[0]
        if input.shape == self.bias.shape:
            return input + self.bias
        return (input.reshape(input.size(0), -1) + self.bias.view(-1)).view(input.shape)


class CMul(Layer):
    """x * weight: one weight for every element of a sample, of the sizes given."""

    def __init__(self, *args):
        super().__init__()
        sizes = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
        self.size = torch.Size(sizes)
        self.weight = torch.empty(self.size)
        self.gradWeight = torch.zeros(self.size)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.numel()), self.weight)
        return self

    def __repr__(self):
        return f"nn.CMul({', '.join(map(str, self.size))})"

    def _compute(self, input):
        if input.shape == self.weight.shape:
            return input * self.weight
        return (input.reshape(input.size(0), -1) * self.weight.view(-1)).view(input.shape)


class Mul(Layer):
    """x * weight[0], a single factor."""

    def __init__(self):
        super().__init__()
        self.weight = torch.empty(1)
        self.gradWeight = torch.zeros(1)
        self.reset()

    def reset(self, stdv=None):
        uniform(deviation(stdv, self.weight.size(0)), self.weight)
        return self

    def _compute(self, input):
        return input * self.weight[0]


class LookupTable(Layer):
    """Rows of weight (nIndex, nOutput) by their numbers: an input (N,) or (N, L) gives (N[, L], nOutput).

    Args:
        nIndex, nOutput (int): number and length of rows.
        paddingValue (int): the row of this number gets no gradient.
        maxNorm, normType (float, optional): rows that are looked up are first scaled down to a normType-norm
            (2 by default) of at most maxNorm.
    """

    def __init__(self, nIndex, nOutput, paddingValue=-1, maxNorm=None, normType=None):
        super().__init__()
        self.weight = torch.empty(nIndex, nOutput)
        self.gradWeight = torch.zeros(nIndex, nOutput)
        self.paddingValue = paddingValue
        self.maxNorm = maxNorm
        self.normType = normType
        self.shouldScaleGradByFreq = False
        self.reset()

    def __repr__(self):
        return f"nn.LookupTable({self.weight.size(0)}, {self.weight.size(1)})"

    def accUpdateOnly(self):
        """Keep no gradient, for use with backwardUpdate alone; returns self."""
        self.gradWeight = None
        return self

    def setPadding(self, paddingValue):
        """Set the row that gets no gradient; returns self."""
        self.paddingValue = paddingValue
        return self

    def setMaxNorm(self, maxNorm):
        """Set the largest norm of rows that are looked up; returns self."""
        self.maxNorm = maxNorm
        return self

    def setNormType(self, normType):
        """Set which norm maxNorm bounds; returns self."""
        self.normType = normType
        return self

    def scaleGradByFreq(self):
        """Divide each row's gradient by how often the input has it; returns self."""
        self.shouldScaleGradByFreq = True
        return self

    def reset(self, stdv=1):
        self.weight.normal_(0, 1 if stdv is None else stdv)
        return self

    def renorm(self, input):
        """Scale the rows that are looked up down to maxNorm."""
        if self.maxNorm is not None:
            rows = input.reshape(-1).long().unique()
            norm_type = 2 if self.normType is None else self.normType
            self.weight[rows] = self.weight[rows].renorm(norm_type, 0, self.maxNorm)

    def updateOutput(self, input):
        self.renorm(input)
        return super().updateOutput(input)

    def _compute(self, input):
        if input.dim() not in (1, 2):
            raise RuntimeError(
                f"{self!r}: input must be a vector or a matrix, got {tuple(input.shape)}."
            )
        padding = self.paddingValue
        padding = padding if padding is not None and 0 <= padding < self.weight.size(0) else None
        return F.embedding(
            input.long(), self.weight, padding, scale_grad_by_freq=self.shouldScaleGradByFreq
        )

    def updateGradInput(self, input, gradOutput):
        self.gradInput = torch.zeros_like(input)
        return self.gradInput


class PartialLinear(Layer):
    """A Linear of which setPartition chooses the outputs to compute; the others rest.

    Example:
        >>> from flambeau.legacy import nn
        >>> module = nn.PartialLinear(5, 6).setPartition(torch.tensor([2, 4]))
        >>> module.forward(torch.ones(3, 5)).shape
        torch.Size([3, 2])
    """

    def __init__(self, inputsize, outputsize, bias=True):
        super().__init__()
        self.inputsize = inputsize
        self.outputsize = outputsize
        self.weight = torch.empty(outputsize, inputsize)
        self.gradWeight = torch.zeros(outputsize, inputsize)
        self.bias = torch.zeros(1, outputsize) if bias else None
        self.gradBias = torch.zeros(1, outputsize) if bias else None
        self.allcolumns = torch.arange(outputsize)
        self.reset()
        self.resetPartition()

    def reset(self, stdv=None):
        self.weight.normal_(0, 1 if stdv is None else stdv)
        if self.bias is not None:
            self.bias.zero_()
        return self

    def __repr__(self):
        bias = "" if self.bias is not None else " without bias"
        return f"nn.PartialLinear({self.inputsize} -> {self.outputsize}){bias}"

    def setPartition(self, indices):
        """Compute only these outputs, a vector of indices; returns self."""
        self.partition = indices.long()
        self._tape = None
        return self

    def resetPartition(self):
        """Compute all outputs again; returns self."""
        return self.setPartition(self.allcolumns)

    def _compute(self, input):
        output = input @ self.weight.index_select(0, self.partition).t()
        if self.bias is not None:
            output = output + self.bias.index_select(1, self.partition)
        return output
