"""1 - distance IoU."""

from ._losses import diou_and_iou, floating, reduced

__all__ = ["distance_box_iou_loss"]


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - distance IoU of boxes (..., 4), one by one.

    Example:
        >>> ops.distance_box_iou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([0.7436])

    Source: Zheng et al., "Distance-IoU Loss", 2020, arXiv:1911.08287, eq. 7.
    """
    loss, _ = diou_and_iou(*floating(boxes1, boxes2), eps)
    return reduced("distance_box_iou_loss", loss, reduction)
