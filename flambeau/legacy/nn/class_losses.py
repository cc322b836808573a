"""Criterions whose target names classes, counted from 0."""

import math

import flambeau as torch
import flambeau.nn.functional as F

from .criterion import Loss
from .losses import MSECriterion, _Averaged, _reduction


class ClassNLLCriterion(_Averaged):
    """The mean of -input at the target's class, weighted, for inputs of log-probabilities: (N, C) and (N,).

    Args:
        weights (Tensor, optional): (C,), one for each class; the mean is divided by those of the targets.
        sizeAverage (bool): the mean instead of the sum. Targets of -100 are left out.
    """

    def __init__(self, weights=None, sizeAverage=True):
        super().__init__(sizeAverage)
        if weights is not None and weights.dim() != 1:
            raise ValueError(
                f"nn.{type(self).__name__}: weights must be 1-D, got {tuple(weights.shape)}."
            )
        self.weights = weights

    def _loss(self, input, target):
        target = target.long()
        if input.dim() == 1:
            target = target.reshape(())
        return F.nll_loss(input, target, self.weights, reduction=_reduction(self))


class SpatialClassNLLCriterion(ClassNLLCriterion):
    """ClassNLLCriterion of every pixel: (N, C, H, W) and (N, H, W)."""


class CrossEntropyCriterion(Loss):
    """LogSoftMax, then ClassNLLCriterion: (N, C) and (N,), or (C,) and one class."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = weights

    def _loss(self, input, target):
        input, target = input.squeeze(), target.squeeze().long()
        return F.cross_entropy(input, target, self.weights)


class MultiMarginCriterion(_Averaged):
    """The mean over samples of the mean over other classes of max(0, margin - x[target] + x)^p.

    Args:
        p (int): 1 or 2.
        weights (Tensor, optional): (C,), a factor for the samples of each class.
        margin (float): as above.
        sizeAverage (bool): the mean over samples instead of the sum.
    """

    def __init__(self, p=1, weights=None, margin=1, sizeAverage=True):
        super().__init__(sizeAverage)
        if p not in (1, 2):
            raise ValueError(f"nn.MultiMarginCriterion: p must be 1 or 2, got {p}.")
        self.p = p
        self.margin = margin
        self.weights = weights

    def _loss(self, input, target):
        return F.multi_margin_loss(
            input, target.long(), self.p, self.margin, self.weights, reduction=_reduction(self)
        )


class MultiLabelMarginCriterion(_Averaged):
    """The mean of max(0, 1 - (x[target] - x[other])) over pairs; targets are (N, C), up to the first -1."""

    def _loss(self, input, target):
        return F.multilabel_margin_loss(input, target.long(), reduction=_reduction(self))


class MultiLabelSoftMarginCriterion(Loss):
    """The mean of BCECriterion over the sigmoids of the input, for targets 0 and 1."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = weights

    def _loss(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weights)


class ClassSimplexCriterion(MSECriterion):
    """The mean squared distance to a corner of a regular simplex, one corner for each class.

    The corners are points of length 1 around the origin, of which each two are equally far from each other.
    Source: Mroueh et al., "Multiclass learning with simplex coding", 2012, arXiv:1209.1360.
    """

    def __init__(self, nClasses):
        super().__init__()
        self.nClasses = nClasses
        self.simplex = torch.zeros(nClasses, nClasses)
        self.simplex[:, : nClasses - 1] = _corners(nClasses - 1)

    def _loss(self, input, target):
        if target.dim() != 1:
            raise RuntimeError(f"{self!r}: target must be 1-D, got {tuple(target.shape)}.")
        return super()._loss(input, self.simplex[target.long()].to(input.dtype))

    def getPredictions(self, input):
        """The products of each row with every corner: (N, nClasses)."""
        return input @ self.simplex.t()

    def getTopPrediction(self, input):
        """The class of the nearest corner of each row: (N,)."""
        return self.getPredictions(input).argmax(-1).view(-1)


def _corners(n):
    """The n + 1 corners of a regular simplex in n dimensions, at length 1: products of any two are -1 / n."""
    corners = torch.zeros(n + 1, n)
    for k in range(n):
        corners[k, k] = math.sqrt(max(0.0, 1 - corners[k, :k].square().sum().item()))
        product = corners[k, :k].square().sum()
        corners[k + 1 :, k] = (-1 / n - product) / corners[k, k]
    return corners
