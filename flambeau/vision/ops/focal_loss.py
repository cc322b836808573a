"""The focal loss."""

from ... import sigmoid
from ...nn import functional as F
from ._losses import reduced

__all__ = ["sigmoid_focal_loss"]


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Cross entropy of logits, lowered where the answer is right already: inputs and targets of one shape.

    loss = -a_t (1 - p_t)**gamma log(p_t), p_t the probability of the target (0 or 1), a_t alpha of 1 and 1 - alpha
    of 0. alpha: in [0, 1], or -1 for none. ValueError: another alpha or reduction.
    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002, eq. 5.

    Example:
        >>> ops.sigmoid_focal_loss(torch.zeros(2), torch.tensor([0., 1.]))
        tensor([0.1300, 0.0433])
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(f"sigmoid_focal_loss: alpha is {alpha}; it must lie in [0, 1], or be -1.")
    p = sigmoid(inputs)
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = (
        F.binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - p_t) ** gamma
    )
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced("sigmoid_focal_loss", loss, reduction)
