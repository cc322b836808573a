"""1 - generalized IoU."""

from ._losses import floating, hull_sizes, inter_union, reduced

__all__ = ["generalized_box_iou_loss"]


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized IoU of boxes (..., 4), one by one.

    Example:
        >>> ops.generalized_box_iou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([0.6667])

    Source: Rezatofighi et al., "Generalized Intersection over Union", 2019, arXiv:1902.09630, algorithm 1.
    """
    boxes1, boxes2 = floating(boxes1, boxes2)
    inter, union = inter_union(boxes1, boxes2)
    sizes = hull_sizes(boxes1, boxes2)
    around = sizes[..., 0] * sizes[..., 1]
    loss = 1 - (inter / (union + eps) - (around - union) / (around + eps))
    return reduced("generalized_box_iou_loss", loss, reduction)
