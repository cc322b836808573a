"""1 - complete IoU."""

from ... import no_grad
from ._losses import diou_and_iou, floating, reduced
from .boxes import shape_difference

__all__ = ["complete_box_iou_loss"]


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - complete IoU of boxes (..., 4), one by one.

    Example:
        >>> ops.complete_box_iou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([0.7436])

    Source: Zheng et al., "Distance-IoU Loss", 2020, arXiv:1911.08287, eq. 8 to 11.
    """
    boxes1, boxes2 = floating(boxes1, boxes2)
    loss, iou = diou_and_iou(boxes1, boxes2, eps)
    v = shape_difference(boxes1, boxes2)
    with no_grad():
        share = v / (1 - iou + v + eps)
    return reduced("complete_box_iou_loss", loss + share * v, reduction)
