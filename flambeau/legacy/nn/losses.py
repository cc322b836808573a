"""Criterions of an input and a target of its shape."""

import flambeau as torch
import flambeau.nn.functional as F

from .criterion import Loss


def _reduction(module):
    return "mean" if module.sizeAverage else "sum"


def _same_count(module, input, target):
    if input.numel() != target.numel():
        raise RuntimeError(
            f"{module!r}: input and target differ in size, {tuple(input.shape)} and {tuple(target.shape)}."
        )
    return target.reshape(input.shape)


class _Averaged(Loss):
    def __init__(self, sizeAverage=True):
        super().__init__()
        self.sizeAverage = sizeAverage


class AbsCriterion(_Averaged):
    """The mean (or the sum, without sizeAverage) of |input - target|."""

    def _loss(self, input, target):
        return F.l1_loss(input, _same_count(self, input, target), reduction=_reduction(self))


class MSECriterion(_Averaged):
    """The mean (or the sum, without sizeAverage) of (input - target)^2."""

    def _loss(self, input, target):
        return F.mse_loss(input, _same_count(self, input, target), reduction=_reduction(self))


class SmoothL1Criterion(_Averaged):
    """Like AbsCriterion less 1/2, but half the square where that is below 1."""

    def _loss(self, input, target):
        return F.smooth_l1_loss(input, _same_count(self, input, target), reduction=_reduction(self))


class SoftMarginCriterion(_Averaged):
    """The mean of log(1 + exp(-target * input)), for targets 1 and -1."""

    def _loss(self, input, target):
        return F.soft_margin_loss(
            input, _same_count(self, input, target), reduction=_reduction(self)
        )


class DistKLDivCriterion(_Averaged):
    """The mean of target * (log(target) - input), for an input of log-probabilities."""

    def _loss(self, input, target):
        target = _same_count(self, input, target)
        terms = torch.special.xlogy(target, target) - target * input
        return terms.mean() if self.sizeAverage else terms.sum()


class MarginCriterion(_Averaged):
    """The mean of max(0, margin - target * input), for targets 1 and -1."""

    def __init__(self, margin=1, sizeAverage=True):
        super().__init__(sizeAverage)
        self.margin = margin

    def _loss(self, input, target):
        terms = (self.margin - _same_count(self, input, target) * input).clamp(min=0)
        return terms.mean() if self.sizeAverage else terms.sum()


class WeightedMSECriterion(_Averaged):
    """The mean of (input - weight * target)^2; a weight with one dimension less serves each sample."""

    def __init__(self, weight, sizeAverage=True):
        super().__init__(sizeAverage)
        self.weight = weight.clone()

    def _loss(self, input, target):
        return F.mse_loss(input, target * self.weight, reduction=_reduction(self))


class L1Cost(Loss):
    """The sum of |input|; there is no target.

    Example:
        >>> from flambeau.legacy import nn
        >>> nn.L1Cost().forward(torch.tensor([1.0, -2.0]))
        3.0
    """

    def updateOutput(self, input, target=None):
        return super().updateOutput(input, self._none(target))

    def updateGradInput(self, input, target=None):
        return super().updateGradInput(input, self._none(target))

    forward = updateOutput
    backward = updateGradInput

    def _none(self, target):
        if target is not None:
            raise RuntimeError(f"{self!r}: takes no target, got {type(target).__name__}.")
        return None

    def _loss(self, input, target):
        return input.abs().sum()


class BCECriterion(_Averaged):
    """The mean of -weights * (target * log(input) + (1 - target) * log(1 - input)), for inputs in (0, 1).

    Args:
        weights (Tensor, optional): one for each element of a sample, 1-D.
        sizeAverage (bool): the mean over all elements instead of the sum.
    """

    eps = 1e-12  # keeps the logarithms finite

    def __init__(self, weights=None, sizeAverage=True):
        if weights is not None and weights.dim() != 1:
            raise ValueError(f"nn.BCECriterion: weights must be 1-D, got {tuple(weights.shape)}.")
        super().__init__(sizeAverage)
        self.weights = weights

    def _loss(self, input, target):
        target = _same_count(self, input, target)
        terms = target * (input + self.eps).log() + (1 - target) * (1 - input + self.eps).log()
        terms = terms if self.weights is None else terms * self.weights
        return -(terms.mean() if self.sizeAverage else terms.sum())
