"""The overlap of rotated boxes."""

import math

from ... import cos, float32, float64, sin, where


def _clipped_mean(first, last, half):
    """The mean, along a line from `first` to `last`, of values cut to [-half, half]."""
    change = last - first
    # The antiderivative of cutting: a parabola inside, lines beyond.
    sums = (where(y.abs() <= half, y * y / 2, half * (y.abs() - half / 2)) for y in (first, last))
    low, high = sums
    level = change.abs() <= 1e-9 * (half + 1e-300)
    mean = (high - low) / where(level, 1.0, change)
    return where(level, ((first + last) / 2).maximum(-half).minimum(half), mean)


def overlap(boxes1, boxes2):
    """Areas of the intersections of all pairs of boxes (N, 5) and (M, 5), cx, cy, w, h and degrees: float64 (N, M).

    Seen from the middle of the first, along its sides, the second is four lines, and the area is the sum over them of
    the integrals of their heights, both cut to the first: Green's theorem. No corner needs to be found or sorted.
    """
    a, b = boxes1.to(float64)[:, None], boxes2.to(float64)[None]
    turn, turn2 = (-boxes[..., 4] * (math.pi / 180) for boxes in (a, b))  # y points down
    apart, turn2 = b[..., :2] - a[..., :2], turn2 - turn
    c, s = cos(turn), sin(turn)
    x = apart[..., 0] * c + apart[..., 1] * s
    y = apart[..., 1] * c - apart[..., 0] * s
    half_w, half_h = a[..., 2] / 2, a[..., 3] / 2
    c, s = cos(turn2), sin(turn2)
    w, h = b[..., 2] / 2, b[..., 3] / 2
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners = [(x + i * w * c - j * h * s, y + i * w * s + j * h * c) for i, j in signs]
    total = 0.0
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]]):
        left, right = (v.maximum(-half_w).minimum(half_w) for v in (x1, x2))
        wide = where(x1 == x2, 1.0, x2 - x1)
        at = [y1 + (y2 - y1) * ((v - x1) / wide) for v in (left, right)]
        total = total + (right - left) * _clipped_mean(*at, half_h)
    return total.abs()


def iou(boxes1, boxes2):
    """Intersection over union of all pairs, float32 (N, M); 0 where a box has no area."""
    areas1, areas2 = ((boxes[:, 2] * boxes[:, 3]).to(float64) for boxes in (boxes1, boxes2))
    inter = overlap(boxes1, boxes2)
    union = areas1[:, None] + areas2[None] - inter
    flat = (areas1[:, None] == 0) | (areas2[None] == 0)
    return where(flat, 0.0, inter / where(flat, 1.0, union)).clamp(0, 1).to(float32)
