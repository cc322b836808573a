"""Rotated boxes cut to their canvas, as torchvision cuts them: their direction stays.

A box is four corners. Border by border, with the canvas turned so that the border is x = 0, the lines of the sides
y = a x + b are moved: "soft" to the smallest box around what the canvas shows of it, "hard" to the largest box in that.
"""

from ..... import arange, cat, stack, where, zeros_like


def _from_leftmost(corners):
    """Which of the corners' eight numbers comes when, from the leftmost corner on, of two the upper one."""
    x, y = (v / v.abs().amax(1, keepdim=True) for v in (corners[:, ::2], corners[:, 1::2]))
    first = (y + x * 100).argmin(1, keepdim=True)
    return (2 * first + arange(8, device=corners.device)) % 8


def _lines(corners):
    """Slopes and heights at x = 0 of the sides, each from a corner to the next: (N, 4) each."""
    x, y = corners[:, ::2], corners[:, 1::2]
    slopes = (y.roll(-1, 1) - y) / (x.roll(-1, 1) - x)
    return slopes, y - slopes * x


def _crossings(slopes, heights):
    """The corners of four lines: each of a line and the one before."""
    x = (heights.roll(1, 1) - heights) / (slopes - slopes.roll(1, 1))
    return stack([x, slopes * x + heights], dim=-1).flatten(1)


def _between(value, low, high):
    return value.maximum(low).minimum(high)


def _moved(corners, before, canvas_size, hard):
    """Heights at x = 0 of the sides' lines after the left border has cut; before: the box as it was at first."""
    height, width = canvas_size
    slopes, heights = _lines(corners)
    (a1, a2, a3, a4), (b1, b2, b3, b4) = slopes.unbind(1), heights.unbind(1)
    limits = _lines(before)[1].unbind(1)
    b1, b4 = _between(b2, b1, b3).clamp(0, height), _between(b3, b2, b4).clamp(0, height)
    if hard:
        b1 = b4 = (b1 + b4) / 2
        most = [b1 * a2 / a1, b3 * a2 / a3, (a1 - a2) * width + b1, (a3 - a2) * width + b3]
        b2 = stack(most, 1).amax(1).minimum(b2)
        least = [
            height * (1 - a3 / a4) + b4 * a3 / a4,
            height * (1 - a3 / a2) + b2 * a3 / a2,
            (a2 - a3) * width + b2,
            (a4 - a3) * width + b4,
        ]
        b3 = stack(least, 1).amin(1).maximum(b3)
    b1, b3 = (_between(b, limits[0], limits[2]) for b in (b1, b3))
    b2, b4 = (_between(b, limits[1], limits[3]) for b in (b2, b4))
    return slopes, stack([b1, b2, b3, b4], 1)


def _cut_left(corners, before, canvas_size, hard):
    x1, y1, x2, y2, x3, y3, x4, y4 = corners.unbind(1)
    turned = _crossings(*_moved(corners, before, canvas_size, hard))
    straight = cat(
        [
            corners[:, :1].clamp(min=0),
            corners[:, 1:6],
            corners[:, 6:7].clamp(min=0),
            corners[:, 7:],
        ],
        1,
    )
    along = y1.isclose(y2) | y3.isclose(y4)
    gone = (corners[:, ::2] <= 0).all(1)
    flat = y1.isclose(y4) | y2.isclose(y3) | (along & x1.isclose(x2))
    choices = (
        ((x1 < 0) & ~turned.isnan().any(1), turned),
        (along, straight),
        (gone | flat, zeros_like(corners)),
    )
    for chosen, cut in choices:
        corners = where(chosen[:, None], cut, corners)
    return corners


def _turned(corners, width):
    """A quarter turn, counter-clockwise: the right border becomes the upper one."""
    x, y = corners[:, ::2], corners[:, 1::2]
    return stack([y, width - x], dim=-1).flatten(1)


def cut(corners, canvas_size, clamping_mode):
    """Corners (N, 8), floating, of boxes cut to a canvas, "soft" or "hard"."""
    before = corners
    for _ in range(4):
        order = _from_leftmost(corners)
        ordered = [c.gather(1, order) for c in (corners, before)]
        done = _cut_left(*ordered, canvas_size, clamping_mode == "hard")
        corners = zeros_like(done).scatter(1, order, done)
        corners, before = (_turned(c, canvas_size[1]) for c in (corners, before))
        canvas_size = canvas_size[::-1]
    return corners
