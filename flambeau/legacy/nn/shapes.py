"""Modules that arrange elements, or let them pass."""

import flambeau as torch

from .layer import AlongDimension, Layer
from .module import Module


class Identity(Module):
    """What comes in, forwards and backwards."""

    def updateOutput(self, input):
        self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput
        return self.gradInput

    def clearState(self):
        self.output, self.gradInput = torch.Tensor(), torch.Tensor()  # they belong to others
        return self


class GradientReversal(Module):
    """What comes in, forwards; backwards, -lambd times the gradient."""

    def __init__(self, lambd=1):
        super().__init__()
        self.lambd = lambd

    def setLambda(self, lambd):
        """Set the factor."""
        self.lambd = lambd

    def updateOutput(self, input):
        self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * -self.lambd
        return self.gradInput

    def clearState(self):
        self.output, self.gradInput = torch.Tensor(), torch.Tensor()
        return self


class L1Penalty(Module):
    """What comes in; its gradient gets that of l1weight * sum |x| in addition, `loss` is that sum.

    Args:
        l1weight (float): factor of the penalty.
        sizeAverage (bool): the mean instead of the sum.
        provideOutput (bool): if False, the gradient from above is left out.
    """

    def __init__(self, l1weight, sizeAverage=False, provideOutput=True):
        super().__init__()
        self.l1weight = l1weight
        self.sizeAverage = sizeAverage
        self.provideOutput = provideOutput
        self.loss = 0.0

    def _factor(self, input):
        return self.l1weight / input.numel() if self.sizeAverage else self.l1weight

    def updateOutput(self, input):
        self.loss = self._factor(input) * input.norm(1).item()
        self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = input.sign() * self._factor(input)
        if self.provideOutput:
            self.gradInput += gradOutput
        return self.gradInput


class Contiguous(Layer):
    """The same values, without gaps in memory."""

    def _compute(self, input):
        return input.contiguous()


class Copy(Layer):
    """The same values in a tensor of type outtype; the gradient comes back in type intype.

    Args:
        intype, outtype (type): such as torch.FloatTensor.
        dontCast (bool): type() changes nothing.
    """

    def __init__(self, intype, outtype, dontCast=False):
        super().__init__()
        self.dontCast = dontCast
        self.intype = intype
        self.outtype = outtype
        self.gradInput = intype()
        self.output = outtype()

    def _compute(self, input):
        return input.clone().type(self.outtype)

    def updateGradInput(self, input, gradOutput):
        super().updateGradInput(input, gradOutput)
        self.gradInput = self.gradInput.type(self.intype)
        return self.gradInput

    def type(self, type=None, tensorCache=None):
        if type is not None and self.dontCast:
            return self
        return super().type(type, tensorCache)


class Narrow(Layer):
    """`length` slices from number `offset` on, along a dimension; length -1 takes all that follow."""

    def __init__(self, dimension, offset, length=1):
        super().__init__()
        self.dimension = dimension
        self.index = offset
        self.length = length

    def _compute(self, input):
        length = self.length
        if length < 0:
            length += input.size(self.dimension) - self.index + 1
        return input.narrow(self.dimension, self.index, length)


class Padding(Layer):
    """|pad| slices of `value` along dim: at the end for pad > 0, at the start for pad < 0.

    `index` moves the place by as many slices, counted from there.
    """

    def __init__(self, dim, pad, value=0, index=0):
        super().__init__()
        self.dim, self.pad = dim, pad
        self.value, self.index = value, index

    def _compute(self, input):
        count = input.size(self.dim)
        place = count - self.index if self.pad > 0 else self.index
        sizes = list(input.shape)
        sizes[self.dim] = abs(self.pad)
        before, after = input.split([place, count - place], self.dim)
        return torch.cat([before, input.new_full(sizes, self.value), after], self.dim)


class Replicate(Layer):
    """The input nf times along a new dimension `dim`, without a copy."""

    def __init__(self, nf, dim=0):
        super().__init__()
        if dim < 0:
            raise ValueError(f"nn.Replicate: dim must be at least 0, got {dim}.")
        self.nfeatures = nf
        self.dim = dim

    def _compute(self, input):
        sizes = [-1] * (input.dim() + 1)
        sizes[self.dim] = self.nfeatures
        return input.unsqueeze(self.dim).expand(sizes)


class _Sized(Layer):
    def __init__(self, *args):
        super().__init__()
        self.resetSize(*args)

    def resetSize(self, *args):
        """Set the sizes: several ints or one sequence, with -1 for one that follows from the others; returns self."""
        sizes = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
        if sum(size < 0 for size in sizes) > 1 or min(sizes, default=0) < -1:
            raise ValueError(
                f"nn.{type(self).__name__}: at most one size may be -1, got {tuple(sizes)}."
            )
        self.size = torch.Size(sizes)
        self.numElements = 1
        for size in self.size:
            self.numElements *= size if size >= 0 else 1
        return self

    def __repr__(self):
        return f"nn.{type(self).__name__}({', '.join(map(str, self.size))})"


class Reshape(_Sized):
    """Each sample of a batch in the sizes given: (N, ...) to (N, *sizes)."""

    def _compute(self, input):
        return input.reshape(input.size(0), *self.size)


class View(_Sized):
    """The input in the sizes given, over the same memory where that is possible."""

    def _compute(self, input):
        return input.reshape(self.size)


class Select(AlongDimension):
    """The slice of number `index` along a dimension, which goes away."""

    def __init__(self, dimension, index):
        super().__init__(dimension)
        self.index = index

    def _compute(self, input):
        return input.select(self.dimension, self.index)


class _AtDim(Layer):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim


class Squeeze(_AtDim):
    """The input without its dimensions of size 1, or without the one given."""

    def __init__(self, dim=None):
        super().__init__(dim)

    def _compute(self, input):
        return input.squeeze() if self.dim is None else input.squeeze(self.dim)


class Unsqueeze(_AtDim):
    """The input with a dimension of size 1 at dim."""

    def _compute(self, input):
        return input.unsqueeze(self.dim)


class Transpose(Layer):
    """The input with pairs of dimensions swapped, one pair after the other: Transpose((0, 1), (1, 2))."""

    def __init__(self, *args):
        super().__init__()
        self.permutations = args

    def _compute(self, input):
        for pair in self.permutations:
            input = input.transpose(*pair)
        return input.contiguous()
