"""Criterions of a distance or of a pair of inputs, whose target y is 1 or -1."""

import flambeau as torch
import flambeau.nn.functional as F

from .criterion import Loss
from .losses import _reduction


class _WithMargin(Loss):
    def __init__(self, margin=1, sizeAverage=True):
        super().__init__()
        self.margin = margin
        self.sizeAverage = sizeAverage


class _OfTwo(_WithMargin):
    def __init__(self, margin=1, sizeAverage=True):
        super().__init__(margin, sizeAverage)
        self.gradInput = [torch.Tensor(), torch.Tensor()]


class CosineEmbeddingCriterion(_OfTwo):
    """1 - cos of the rows of [a, b] where y is 1, max(0, cos - margin) where it is -1; the mean of these."""

    def __init__(self, margin=0, sizeAverage=True):
        super().__init__(margin, sizeAverage)

    def _loss(self, input, y):
        a, b = input
        if a.dim() == 1:
            a, b = a.unsqueeze(0), b.unsqueeze(0)
        y = torch.as_tensor(y).reshape(-1).expand(a.size(0))
        return F.cosine_embedding_loss(a, b, y, self.margin, reduction=_reduction(self))


class HingeEmbeddingCriterion(_WithMargin):
    """The input where y is 1, max(0, margin - input) where it is -1; the mean of these."""

    def _loss(self, input, y):
        y = torch.as_tensor(y)
        return F.hinge_embedding_loss(input, y, self.margin, reduction=_reduction(self))


class L1HingeEmbeddingCriterion(Loss):
    """The 1-norm of a - b for the table [a, b] where y is 1, max(0, margin - it) where y is -1."""

    def __init__(self, margin=1):
        super().__init__()
        self.margin = margin
        self.gradInput = [torch.Tensor(), torch.Tensor()]

    def _loss(self, input, y):
        distance = (input[0] - input[1]).abs().sum()
        return distance if int(y) == 1 else (self.margin - distance).clamp(min=0)


class MarginRankingCriterion(_OfTwo):
    """The mean of max(0, margin - y * (a - b)) for the table [a, b]: a should be above b where y is 1."""

    def _loss(self, input, y):
        terms = (self.margin - y * (input[0] - input[1])).clamp(min=0)
        return terms.mean() if self.sizeAverage else terms.sum()
