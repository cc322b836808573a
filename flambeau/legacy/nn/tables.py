"""Modules whose input or output is a table, a list of tensors."""

import itertools

import flambeau as torch

from .layer import AlongDimension, Layer
from .module import Module
from .utils import leaves, mapped


class CAddTable(Layer):
    """The sum of the tensors of a table; added into the first of them if inplace."""

    def __init__(self, inplace=False):
        super().__init__()
        self.gradInput = []
        self.add_in_place = inplace

    def _compute(self, input):
        return sum(input[1:], input[0])

    def updateOutput(self, input):
        super().updateOutput(input)
        if self.add_in_place:
            self.output = input[0].copy_(self.output)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.add_in_place:
            return super().updateGradInput(input, gradOutput)
        self.gradInput = [gradOutput, *(gradOutput.clone() for _ in input[1:])]
        return self.gradInput


class CSubTable(Layer):
    """The first tensor of [a, b] minus the second."""

    def _compute(self, input):
        return input[0] - input[1]


class CMulTable(Layer):
    """The product of the tensors of a table."""

    def _compute(self, input):
        product = input[0]
        for factor in input[1:]:
            product = product * factor
        return product

    def updateGradInput_efficient(self, input, gradOutput):
        """The gradients as output * gradOutput / input: fewer products, but not for inputs with zeros."""
        share = self.output * gradOutput
        self.gradInput = [share / factor for factor in input]
        return self.gradInput


class CDivTable(Layer):
    """The first tensor of [a, b] divided by the second."""

    def _compute(self, input):
        return input[0] / input[1]


class MM(Layer):
    """The matrix product of [a, b], or of each pair of a batch; transA and transB transpose them first."""

    def __init__(self, transA=False, transB=False):
        super().__init__()
        self.transA = transA
        self.transB = transB
        self.gradInput = [torch.Tensor(), torch.Tensor()]

    def _compute(self, input):
        a, b = input
        if a.dim() not in (2, 3) or a.dim() != b.dim():
            raise RuntimeError(
                f"nn.MM: expected two matrices or two batches of them, got {tuple(a.shape)} and {tuple(b.shape)}."
            )
        return (a.mT if self.transA else a) @ (b.mT if self.transB else b)


class MV(Layer):
    """The product of [matrix, vector], or of each pair of a batch; trans transposes the matrix first."""

    def __init__(self, trans=False):
        super().__init__()
        self.trans = trans
        self.gradInput = [torch.Tensor(), torch.Tensor()]

    def _compute(self, input):
        matrix, vector = input
        if matrix.dim() not in (2, 3) or vector.dim() != matrix.dim() - 1:
            raise RuntimeError(
                "nn.MV: expected a matrix and a vector or a batch of each, got "
                f"{tuple(matrix.shape)} and {tuple(vector.shape)}."
            )
        return ((matrix.mT if self.trans else matrix) @ vector.unsqueeze(-1)).squeeze(-1)


class JoinTable(AlongDimension):
    """The tensors of a table, joined along a dimension."""

    _shown = "({0.dimension})"

    def __init__(self, dimension):
        super().__init__(dimension)
        self.gradInput = []

    def _compute(self, input):
        return torch.cat(list(input), self.dimension)


class SplitTable(AlongDimension):
    """The slices of a tensor along a dimension, a table."""

    _shown = "({0.dimension})"

    def _compute(self, input):
        return list(input.unbind(self.dimension))


class Index(AlongDimension):
    """Slices of a tensor by their numbers along a dimension: the table [tensor, indices]."""

    def __init__(self, dimension):
        super().__init__(dimension)
        self.gradInput = [self.gradInput]

    def _compute(self, input):
        tensor, indices = input
        return tensor.index_select(self.dimension, indices.long())


class MaskedSelect(Layer):
    """The elements of [tensor, mask] where the mask is not 0, a vector."""

    def _compute(self, input):
        tensor, mask = input
        return tensor.masked_select(mask.bool())


class MixtureTable(Layer):
    """The sum of what experts say, each times its gate: the table [gates (N, E), experts].

    The experts are a table of E tensors, or one tensor whose dimension `dim` counts them.
    """

    def __init__(self, dim=1):
        super().__init__()
        self.dim = dim
        self.gradInput = []

    def _compute(self, input):
        gates, experts = input
        if isinstance(experts, list):
            if gates.size(1) != len(experts):
                raise RuntimeError(
                    f"nn.MixtureTable: expected one gate for each of {len(experts)} experts, "
                    f"got gates {tuple(gates.shape)}."
                )
            experts = torch.stack(experts, self.dim)
        sizes = [1] * experts.dim()
        sizes[0], sizes[self.dim] = gates.shape
        return (experts * gates.reshape(sizes)).sum(self.dim)


def _zeros(table):
    return mapped(torch.zeros_like, table)


class SelectTable(Module):
    """One entry of a table, by its number; the others get gradients of 0."""

    _shown = "({0.index})"

    def __init__(self, index):
        super().__init__()
        self.index = index
        self.gradInput = []

    def updateOutput(self, input):
        if not -len(input) <= self.index < len(input):
            raise RuntimeError(f"{self!r}: the table has {len(input)} entries.")
        self.output = input[self.index]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = _zeros(input)
        self.gradInput[self.index] = mapped(lambda grad: grad.clone(), gradOutput)
        return self.gradInput


class NarrowTable(Module):
    """`length` entries of a table from number `offset` on; the others get gradients of 0."""

    def __init__(self, offset, length=1):
        super().__init__()
        self.offset = offset
        self.length = length
        self.output = []
        self.gradInput = []

    def __repr__(self):
        return f"nn.NarrowTable({self.offset}, {self.length})"

    def updateOutput(self, input):
        self.output = list(input[self.offset : self.offset + self.length])
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = _zeros(input)
        for i, grad in enumerate(gradOutput, self.offset):
            self.gradInput[i] = mapped(lambda one: one.clone(), grad)
        return self.gradInput


class FlattenTable(Module):
    """All tensors of nested tables in one table; `input_map` has their numbers in the structure of the input.

    Example:
        >>> from flambeau.legacy import nn
        >>> one = torch.ones(1)
        >>> module = nn.FlattenTable()
        >>> len(module.forward([one, [one, [one, one]]]))
        4
        >>> module.input_map
        [0, [1, [2, 3]]]
    """

    def __init__(self):
        super().__init__()
        self.output = []
        self.gradInput = []
        self.input_map = []

    def updateOutput(self, input):
        self.output = list(leaves(input))
        numbers = itertools.count()
        self.input_map = mapped(lambda _: next(numbers), input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = mapped(lambda number: gradOutput[number], self.input_map)
        return self.gradInput

    def clearState(self):
        self.input_map = []
        return super().clearState()
