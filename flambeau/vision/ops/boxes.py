"""Operators on boxes."""

import math

from ... import (
    _core,
    arange,
    atan,
    cat,
    cos,
    float32,
    float64,
    int32,
    int64,
    no_grad,
    sin,
    stack,
    unique,
    where,
    zeros_like,
)

__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou", "distance_box_iou",
    "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes",
]  # fmt: skip


# -- which boxes stay


def nms(boxes, scores, iou_threshold):
    """The indices of the boxes that overlap no better one by more than `iou_threshold`, best first.

    boxes (N, 4), scores (N,), both of one floating dtype; iou_threshold: of intersection over union. The result is
    int64 (K,). RuntimeError: other sizes. Equal scores keep their order.

    Example:
        >>> boxes = torch.tensor([[0., 0., 10., 10.], [1., 1., 10., 10.], [20., 20., 30., 30.]])
        >>> ops.nms(boxes, torch.tensor([0.8, 0.9, 0.5]), 0.5)
        tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.ndim != 1 or len(scores) != len(boxes):
        raise RuntimeError(
            f"nms: boxes are {tuple(boxes.shape)} and scores {tuple(scores.shape)}; they must be (N, 4) and (N,)."
        )
    boxes, scores = boxes.detach(), scores.detach()
    if boxes.dtype not in (float32, float64):
        boxes = boxes.float()
    order = scores.argsort(dim=0, descending=True, stable=True)
    return _core._nms(boxes, order, float(iou_threshold))


# Above so many numbers, groups one by one: moving them apart costs digits of the coordinates.
_MOST_MOVED = 4000


def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms within groups: boxes of different `idxs` (N,) never leave each other out.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1]])
        >>> ops.batched_nms(boxes, torch.tensor([0.9, 0.8]), torch.tensor([0, 1]), 0.5)
        tensor([0, 1])
    """
    if boxes.numel() == 0:
        return boxes.new_empty((0,), dtype=int64)
    by = _batched_nms_coordinate_trick if boxes.numel() <= _MOST_MOVED else _batched_nms_vanilla
    return by(boxes, scores, idxs, iou_threshold)


def _batched_nms_coordinate_trick(boxes, scores, idxs, iou_threshold):
    """All at once, moved so far apart that groups cannot overlap."""
    offsets = idxs.to(boxes) * (boxes.max() + 1)
    return nms(boxes + offsets[:, None], scores, iou_threshold)


def _batched_nms_vanilla(boxes, scores, idxs, iou_threshold):
    """Group by group."""
    kept = []
    for group in unique(idxs):
        members = where(idxs == group)[0]
        kept.append(members[nms(boxes[members], scores[members], iou_threshold)])
    kept = cat(kept)
    return kept[scores[kept].argsort(descending=True, stable=True)]


def remove_small_boxes(boxes, min_size):
    """The indices of the boxes of at least min_size in both directions.

    Example:
        >>> ops.remove_small_boxes(torch.tensor([[0.0, 0.0, 2.0, 3.0], [0.0, 0.0, 0.5, 0.5]]), 1.0)
        tensor([0])
    """
    sizes = boxes[:, 2:] - boxes[:, :2]
    return where((sizes >= min_size).all(dim=1))[0]


def clip_boxes_to_image(boxes, size):
    """boxes (..., 4) cut to an image of `size` (height, width).

    Example:
        >>> ops.clip_boxes_to_image(torch.tensor([[-1.0, 0.0, 2.0, 9.0]]), (4, 4))
        tensor([[0., 0., 2., 4.]])
    """
    height, width = size
    x, y = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return stack((x, y), dim=-1).reshape(boxes.shape)


# -- formats


def _from_xywh(boxes):
    x, y, w, h = boxes.unbind(-1)
    return stack((x, y, x + w, y + h), dim=-1)


def _to_xywh(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack((x1, y1, x2 - x1, y2 - y1), dim=-1)


def _from_cxcywh(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return stack((cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h), dim=-1)


def _to_cxcywh(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=-1)


def _turned(boxes):
    """The parts of rotated boxes and the direction of their sides; angles are degrees, counter-clockwise."""
    x, y, w, h, r = boxes.unbind(-1)
    angle = r * math.pi / 180.0
    return x, y, w, h, r, cos(angle), sin(angle)


def _cxcywhr_from_xywhr(boxes):
    x, y, w, h, r, c, s = _turned(boxes)
    return stack((x + w / 2 * c + h / 2 * s, y - w / 2 * s + h / 2 * c, w, h, r), dim=-1)


def _xywhr_from_cxcywhr(boxes):
    x, y, w, h, r, c, s = _turned(boxes)
    return stack((x - w / 2 * c - h / 2 * s, y - h / 2 * c + w / 2 * s, w, h, r), dim=-1)


def _corners_from_xywhr(boxes):
    x, y, w, h, _, c, s = _turned(boxes)
    x2, y2 = x + w * c, y - w * s
    x3, y3 = x2 + h * s, y2 + h * c
    return stack((x, y, x2, y2, x3, y3, x + h * s, y + h * c), dim=-1)


def _xywhr_from_corners(boxes):
    x1, y1, x2, y2, x3, y3 = boxes.unbind(-1)[:6]
    r = (y1 - y2).atan2(x2 - x1) * 180 / math.pi
    w, h = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt(), ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return stack((x1, y1, w, h, r), dim=-1)


def _itself(boxes):
    return boxes


# format -> (to, from) the common format of its kind
_STRAIGHT = {
    "xyxy": (_itself, _itself),
    "xywh": (_from_xywh, _to_xywh),
    "cxcywh": (_from_cxcywh, _to_cxcywh),
}
_ROTATED = {
    "xywhr": (_itself, _itself),
    "cxcywhr": (_xywhr_from_cxcywhr, _cxcywhr_from_xywhr),
    "xyxyxyxy": (_xywhr_from_corners, _corners_from_xywhr),
}


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes in another format.

    Among "xyxy", "xywh" (corner and size) and "cxcywh" (centre and size): (..., 4); among the rotated "xywhr",
    "cxcywhr" (degrees) and "xyxyxyxy" (four corners): (..., 5) or (..., 8). ValueError: another format, or from
    one kind to the other.

    Example:
        >>> ops.box_convert(torch.tensor([[10., 20., 30., 60.]]), "xyxy", "cxcywh")
        tensor([[20., 40., 20., 40.]])
    """
    for kind in (_STRAIGHT, _ROTATED):
        if in_fmt in kind and out_fmt in kind:
            if in_fmt == out_fmt:
                return boxes.clone()
            return kind[out_fmt][1](kind[in_fmt][0](boxes))
    raise ValueError(
        f"box_convert: from {in_fmt!r} to {out_fmt!r}; it knows {', '.join(_STRAIGHT)} and, apart from these, "
        f"{', '.join(_ROTATED)}."
    )


def _corners(boxes, fmt):
    if fmt not in _STRAIGHT:
        raise ValueError(f"boxes: fmt is {fmt!r}; it must be one of {', '.join(_STRAIGHT)}.")
    return _STRAIGHT[fmt][0](boxes)


# -- areas and overlaps


def _wide(t):
    """Products of coordinates need more room than half precision or small integers have."""
    if t.is_floating_point():
        return t if t.dtype in (float32, float64) else t.float()
    return t if t.dtype in (int32, int64) else t.int()


def box_area(boxes, fmt="xyxy"):
    """The area of each box: (..., 4) to (...).

    Example:
        >>> ops.box_area(torch.tensor([[0.0, 0.0, 2.0, 3.0]]))
        tensor([6.])
    """
    boxes = _wide(boxes)
    if fmt in ("xywh", "cxcywh"):
        return boxes[..., 2] * boxes[..., 3]
    boxes = _corners(boxes, fmt)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _area_between(low, high):
    sizes = _wide(high - low).clamp(min=0)
    return sizes[..., 0] * sizes[..., 1]


def _box_inter_union(boxes1, boxes2):
    """Areas of the intersections and unions of all pairs: (N, M) each."""
    a, b = boxes1[..., :, None, :], boxes2[..., None, :, :]
    inter = _area_between(a[..., :2].maximum(b[..., :2]), a[..., 2:].minimum(b[..., 2:]))
    return inter, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - inter


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """Intersection over union of all pairs: (N, 4) and (M, 4) to (N, M).

    fmt: "xyxy", "xywh" or "cxcywh", or of rotated boxes "xywhr", "cxcywhr" (N, 5) or "xyxyxyxy" (N, 8), whose result is
    float32.

    Example:
        >>> ops.box_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 0., 3., 2.], [5., 5., 6., 6.]]))
        tensor([[0.3333, 0.0000]])
    """
    if fmt in ("xywhr", "cxcywhr", "xyxyxyxy"):
        from ._turned import iou

        return iou(*(box_convert(boxes, fmt, "cxcywhr") for boxes in (boxes1, boxes2)))
    inter, union = _box_inter_union(_corners(boxes1, fmt), _corners(boxes2, fmt))
    return inter / union


def _hull(boxes1, boxes2):
    """Two corners of the smallest boxes around all pairs."""
    a, b = boxes1[..., :, None, :], boxes2[..., None, :, :]
    return a[..., :2].minimum(b[..., :2]), a[..., 2:].maximum(b[..., 2:])


def generalized_box_iou(boxes1, boxes2):
    """Intersection over union less the empty share of the box around both, for all pairs: (N, M).

    Example:
        >>> ops.generalized_box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.3333]])

    Source: Rezatofighi et al., "Generalized Intersection over Union", 2019, arXiv:1902.09630, algorithm 1.
    """
    inter, union = _box_inter_union(boxes1, boxes2)
    around = _area_between(*_hull(boxes1, boxes2))
    return inter / union - (around - union) / around


def _centres(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _diou_and_iou(boxes1, boxes2, eps):
    iou = box_iou(boxes1, boxes2)
    low, high = _hull(boxes1, boxes2)
    diagonal = (_wide(high - low).clamp(min=0) ** 2).sum(-1) + eps
    apart = _centres(boxes1)[..., :, None, :] - _centres(boxes2)[..., None, :, :]
    return iou - (_wide(apart) ** 2).sum(-1) / diagonal, iou


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """Intersection over union less the squared distance of centres, in diagonals of the box around both: (N, M).

    Example:
        >>> ops.distance_box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.2564]])

    Source: Zheng et al., "Distance-IoU Loss", 2020, arXiv:1911.08287, eq. 7.
    """
    return _diou_and_iou(_wide(boxes1), _wide(boxes2), eps)[0]


def shape_difference(boxes1, boxes2):
    """v of the complete IoU, from the ratios of width to height. Source: arXiv:1911.08287, eq. 9."""
    slopes = (atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2))
    one, other = slopes
    return 4 / math.pi**2 * (other - one) ** 2


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """distance_box_iou less a share of how the ratios of width to height differ: (N, M).

    Example:
        >>> ops.complete_box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.2564]])

    Source: arXiv:1911.08287, eq. 8 to 11.
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    diou, iou = _diou_and_iou(boxes1, boxes2, eps)
    v = shape_difference(boxes1[..., :, None, :], boxes2[..., None, :, :])
    with no_grad():
        share = v / (1 - iou + v + eps)
    return diou - share * v


# -- masks


def masks_to_boxes(masks):
    """The smallest boxes around the elements of masks that are not 0: (N, H, W) to float32 (N, 4).

    A box ends at the last of its pixels: its right is the column of that pixel. The box of an empty mask is 0.

    Example:
        >>> mask = torch.zeros(1, 5, 5); mask[0, 1:3, 2:5] = 1
        >>> ops.masks_to_boxes(mask)
        tensor([[2., 1., 4., 2.]])
    """
    if masks.numel() == 0:
        return masks.new_zeros((0, 4), dtype=float32)
    masks = masks != 0
    sides = []
    for dim in (1, 2):  # rows seen from the side, then columns seen from above
        seen = masks.any(dim=dim)  # dim 1: (N, W)
        place = arange(seen.shape[1], device=masks.device).expand_as(seen)
        last = where(seen, place, zeros_like(place) - 1).amax(1)
        sides.append((where(seen, place, zeros_like(place) + seen.shape[1]).amin(1), last))
    (x1, x2), (y1, y2) = sides
    found = stack((x1, y1, x2, y2), dim=1)
    return where(x2[:, None] < 0, 0, found).to(float32)
