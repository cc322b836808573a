"""Criterion, which measures an output against a target; and sums of criterions."""

import copy

import flambeau as torch

from .layer import Tape, stamps
from .module import Module, convert_attributes
from .utils import mapped, recursiveAdd, recursiveFill, recursiveResizeAs


class Criterion:
    """A number (`output`) that says how far an input is from a target, and its gradient (`gradInput`).

    Example:
        >>> from flambeau.legacy import nn
        >>> criterion = nn.MSECriterion()
        >>> criterion.forward(torch.ones(2), torch.zeros(2))
        1.0
        >>> criterion.backward(torch.ones(2), torch.zeros(2))
        tensor([1., 1.])
    """

    def __init__(self):
        self.gradInput = torch.Tensor()
        self.output = 0

    def __repr__(self):
        return f"nn.{type(self).__name__}"

    def updateOutput(self, input, target):
        """Compute and keep `output`, a number."""
        raise NotImplementedError(f"{self!r} does not define updateOutput.")

    def forward(self, input, target):
        """The loss, a number: updateOutput."""
        return self.updateOutput(input, target)

    def updateGradInput(self, input, target):
        """Compute and keep `gradInput`, the gradient by the input."""
        raise NotImplementedError(f"{self!r} does not define updateGradInput.")

    def backward(self, input, target):
        """The gradient by the input: updateGradInput."""
        return self.updateGradInput(input, target)

    def clone(self):
        """A deep copy."""
        return copy.deepcopy(self)

    def clearState(self):
        """Forget what forward and backward have left; returns self."""
        self.gradInput = mapped(lambda tensor: tensor.new(), self.gradInput)
        return self

    def type(self, type, tensorCache=None):
        """Convert the floating tensors of the criterion, in place."""
        convert_attributes(self, type, {} if tensorCache is None else tensorCache)
        return self

    def float(self):
        """self.type("torch.FloatTensor")."""
        return self.type("torch.FloatTensor")

    def double(self):
        """self.type("torch.DoubleTensor")."""
        return self.type("torch.DoubleTensor")

    def cuda(self):
        """self.type("torch.cuda.FloatTensor")."""
        return self.type("torch.cuda.FloatTensor")


class Loss(Criterion):
    """A criterion whose output is _loss(input, target), a differentiable function of the input."""

    _tape = None

    def _loss(self, input, target):
        raise NotImplementedError(f"{self!r} does not say what it computes.")

    def _record(self, input, target):
        self._tape = Tape(self, lambda leaves: self._loss(leaves, target), input, ())
        self._stamped = stamps(input, target)
        return self._tape.output

    def updateOutput(self, input, target):
        self.output = self._record(input, target).item()
        return self.output

    def updateGradInput(self, input, target):
        if self._tape is None or self._stamped != stamps(input, target):
            self._record(input, target)
        one = torch.ones_like(self._tape.output)
        self.gradInput = self._tape.gradients(repr(self), one, True, False)[0]
        return self.gradInput

    def clearState(self):
        self._tape = None
        return super().clearState()

    def type(self, type, tensorCache=None):
        self._tape = None
        return super().type(type, tensorCache)

    def __getstate__(self):
        return {**self.__dict__, "_tape": None}


class ParallelCriterion(Criterion):
    """A weighted sum of criterions, one for each entry of the input, a table.

    Args:
        repeatTarget (bool): every criterion gets the same target; otherwise the target is a table too.

    Example:
        >>> from flambeau.legacy import nn
        >>> both = nn.ParallelCriterion().add(nn.MSECriterion(), 0.5).add(nn.AbsCriterion())
        >>> both.forward([torch.ones(2), torch.ones(3)], [torch.zeros(2), torch.zeros(3)])
        1.5
    """

    def __init__(self, repeatTarget=False):
        super().__init__()
        self.criterions = []
        self.weights = []
        self.gradInput = []
        self.repeatTarget = repeatTarget

    def add(self, criterion, weight=1):
        """Append a criterion and its weight; returns self."""
        self.criterions.append(criterion)
        self.weights.append(weight)
        return self

    def _parts(self, input, target):
        targets = [target] * len(self.criterions) if self.repeatTarget else target
        return zip(self.criterions, self.weights, input, targets)

    def updateOutput(self, input, target):
        self.output = sum(w * c.updateOutput(x, t) for c, w, x, t in self._parts(input, target))
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = recursiveResizeAs(self.gradInput, input)[0]
        recursiveFill(self.gradInput, 0)
        for i, (criterion, weight, x, t) in enumerate(self._parts(input, target)):
            recursiveAdd(self.gradInput[i], weight, criterion.updateGradInput(x, t))
        return self.gradInput

    def type(self, type=None, tensorCache=None):
        self.gradInput = []
        return super().type(type, tensorCache)


class MultiCriterion(Criterion):
    """A weighted sum of criterions over one input and one target.

    Example:
        >>> from flambeau.legacy import nn
        >>> both = nn.MultiCriterion().add(nn.MSECriterion(), 0.5).add(nn.AbsCriterion())
        >>> both.forward(torch.full((2,), 2.0), torch.zeros(2))
        4.0
    """

    def __init__(self):
        super().__init__()
        self.criterions = []
        self.weights = []

    def add(self, criterion, weight=1):
        """Append a criterion and its weight; returns self."""
        self.criterions.append(criterion)
        self.weights.append(weight)
        return self

    def updateOutput(self, input, target):
        pairs = zip(self.criterions, self.weights)
        self.output = sum(weight * one.updateOutput(input, target) for one, weight in pairs)
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = recursiveResizeAs(self.gradInput, input)[0]
        recursiveFill(self.gradInput, 0)
        for criterion, weight in zip(self.criterions, self.weights):
            recursiveAdd(self.gradInput, weight, criterion.updateGradInput(input, target))
        return self.gradInput


class CriterionTable(Module):
    """A criterion as a module of the table [input, target].

    gradInput is [the gradient by the input, zeros for the target].

    Example:
        >>> from flambeau.legacy import nn
        >>> nn.CriterionTable(nn.MSECriterion()).forward([torch.ones(2), torch.zeros(2)])
        1.0
    """

    def __init__(self, criterion):
        super().__init__()
        self.criterion = criterion
        self.gradInput = [criterion.gradInput]

    def updateOutput(self, input):
        self.output = self.criterion.updateOutput(*input)
        return self.output

    def updateGradInput(self, input, gradOutput=1):
        factor = gradOutput.item() if torch.is_tensor(gradOutput) else gradOutput
        grad = self.criterion.updateGradInput(*input)
        zeros = mapped(lambda t: torch.zeros_like(t) if torch.is_tensor(t) else 0, input[1])
        self.gradInput = [mapped(lambda t: t * factor, grad), zeros]
        return self.gradInput
