"""What the losses of boxes share: pairs of boxes (..., 4), one by one."""


def floating(*boxes):
    """Boxes in float32, or what floating dtype of that or more they have."""
    return [b if b.is_floating_point() and b.itemsize > 2 else b.float() for b in boxes]


def inter_union(boxes1, boxes2):
    """Areas of intersections and unions."""
    sizes = (
        boxes1[..., 2:].minimum(boxes2[..., 2:]) - boxes1[..., :2].maximum(boxes2[..., :2])
    ).clamp(min=0)
    inter = sizes[..., 0] * sizes[..., 1]
    areas = ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes1, boxes2))
    return inter, sum(areas) - inter


def hull_sizes(boxes1, boxes2):
    """Width and height of the boxes around both: (..., 2)."""
    return boxes1[..., 2:].maximum(boxes2[..., 2:]) - boxes1[..., :2].minimum(boxes2[..., :2])


def diou_and_iou(boxes1, boxes2, eps):
    """(1 - distance IoU, IoU)."""
    inter, union = inter_union(boxes1, boxes2)
    iou = inter / (union + eps)
    diagonal = (hull_sizes(boxes1, boxes2) ** 2).sum(-1) + eps
    centres = ((b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2))
    one, other = centres
    return 1 - iou + ((one - other) ** 2).sum(-1) / diagonal, iou


def reduced(name, loss, reduction):
    """The loss as it is, its mean (0 of nothing), or its sum."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"{name}: reduction is {reduction!r}; it must be 'none', 'mean' or 'sum'.")
