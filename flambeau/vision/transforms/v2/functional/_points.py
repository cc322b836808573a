"""Boxes and keypoints: each is moved as points (..., 2), x before y."""

import math

from ..... import atan2, cat, ceil, cos, float32, floor, hypot, sin, stack, tensor, where
from ....ops.boxes import box_convert
from ....tv_tensors import BoundingBoxFormat, is_rotated_bounding_format
from ... import _image, _image_warp
from ...modes import pair
from ._clamped import cut

_XYXY = BoundingBoxFormat.XYXY


def _convert(boxes, old, new):
    return boxes if old == new else box_convert(boxes, old.value.lower(), new.value.lower())


def convert_format(boxes, format, new_format):
    """Boxes in another format of their kind, in their dtype."""
    if format == new_format:
        return boxes
    values = boxes if boxes.is_floating_point() else boxes.to(float32)
    return _convert(values, format, new_format).to(boxes.dtype)


def conversions():
    """_xyxy_to_xywh and the like: name -> function."""

    def conversion(old, new):
        return lambda boxes, inplace=False: convert_format(boxes, old, new)

    kinds = [BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH]
    turned = [BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY]
    return {
        f"_{old.value.lower()}_to_{new.value.lower()}": conversion(old, new)
        for family in (kinds, turned)
        for old in family
        for new in family
        if old != new
    }


def straightened(corners):
    """Parallelograms (..., 8) as rectangles with the same middle and longer diagonal, along the longer side."""
    values = corners if corners.is_floating_point() else corners.to(float32)
    x1, y1, x2, y2, x3, y3, x4, y4 = values.unbind(-1)
    across, down = hypot(x2 - x1, y2 - y1), hypot(x4 - x1, y4 - y1)
    turn, turn_down = atan2(y1 - y2, x2 - x1), atan2(y1 - y4, x4 - x1)
    between = turn - turn_down
    height, lean = sin(between), cos(between) * where(between > math.pi / 2, -1, 1)
    w = where(across < down, across * height, across + down * lean)
    h = where(across > down, down * height, down + across * lean)
    turn = where(down > across, turn_down + math.pi / 2, turn) * (180 / math.pi)
    middle = ((x1 + x3) / 2, (y1 + y3) / 2)
    boxes = stack([*middle, w, h, turn], dim=-1)
    return _convert(boxes, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY).to(corners.dtype)


def clamp(boxes, format, canvas_size, clamping_mode="soft"):
    """Boxes cut to the canvas."""
    if clamping_mode is None:
        return boxes.clone()
    if is_rotated_bounding_format(format):
        corners = _convert(boxes, format, BoundingBoxFormat.XYXYXYXY)
        flat = cut(corners.reshape(-1, 8), canvas_size, clamping_mode)
        return _convert(flat.view(corners.shape), BoundingBoxFormat.XYXYXYXY, format)
    height, width = canvas_size
    corners = _convert(boxes, format, _XYXY)
    most = tensor([width, height, width, height], dtype=corners.dtype, device=corners.device)
    return _convert(corners.clamp(min=0).minimum(most), _XYXY, format).to(boxes.dtype)


def clamp_points(points, canvas_size):
    """Points cut to the pixels of the canvas."""
    height, width = canvas_size
    most = tensor([width - 1, height - 1], dtype=points.dtype, device=points.device)
    return points.clamp(min=0).minimum(most)


# Corners go round a box; after a mirror they are told in the other direction, from the second.
_MIRRORED = [1, 0, 3, 2]


def moved(boxes, format, move, canvas_size=None, clamping_mode="soft", mirrored=False):
    """Boxes (..., K) whose corners (N, 4, 2) go through `move`, cut to the canvas where there is one.

    Straight boxes become those around the moved corners.
    """
    shape, dtype = boxes.shape, boxes.dtype
    flat = boxes.reshape(-1, shape[-1])
    values = flat if flat.is_floating_point() else flat.to(float32)
    if is_rotated_bounding_format(format):
        points = move(_convert(values, format, BoundingBoxFormat.XYXYXYXY).view(-1, 4, 2))
        points = points[:, _MIRRORED] if mirrored else points
        result = _convert(straightened(points.flatten(1)), BoundingBoxFormat.XYXYXYXY, format)
    else:
        x1, y1, x2, y2 = _convert(values, format, _XYXY).unbind(-1)
        corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        points = move(stack([stack(corner, -1) for corner in corners], 1))
        result = _convert(cat([points.amin(1), points.amax(1)], dim=-1), _XYXY, format)
    if canvas_size is not None:
        result = clamp(result, format, canvas_size, clamping_mode)
    return result.to(dtype).view(shape)


def _points(keypoints, move):
    """Keypoints that go through `move`; those outside the canvas stay, for ClampKeyPoints or SanitizeKeyPoints."""
    values = keypoints if keypoints.is_floating_point() else keypoints.to(float32)
    return move(values).to(keypoints.dtype)


# -- moves of points: (..., 2) to the same


def _mirror(axis, size):
    def move(points):
        parts = list(points.unbind(-1))
        parts[axis] = size - parts[axis]
        return stack(parts, dim=-1)

    return move


def _shift(x, y):
    return lambda points: points + tensor([x, y], dtype=points.dtype, device=points.device)


def _scale(x, y):
    return lambda points: points * tensor([x, y], dtype=points.dtype, device=points.device)


def _by_matrix(matrix):
    def move(points):
        a, b, c, d, e, f = matrix
        x, y = points.unbind(-1)
        return stack([a * x + b * y + c, d * x + e * y + f], dim=-1)

    return move


def _by_homography(h):
    def move(points):
        x, y = points.unbind(-1)
        divisor = h[6] * x + h[7] * y + 1.0
        return stack(
            [(h[0] * x + h[1] * y + h[2]) / divisor, (h[3] * x + h[4] * y + h[5]) / divisor], dim=-1
        )

    return move


def _inverse(h):
    """The homography back, of eight numbers."""
    a, b, c, d, e, f, g, k = h
    n = a * e - b * d
    rows = (
        e - f * k,
        c * k - b,
        b * f - c * e,
        f * g - d,
        a - c * g,
        c * d - a * f,
        d * k - e * g,
        b * g - a * k,
    )
    return [v / n for v in rows]


def _displaced(displacement, canvas_size, whole):
    """To first order, each point goes where its pixel, by `whole`, came from, in the other direction."""
    _image_warp.check_displacement("elastic", displacement)
    if tuple(displacement.shape) != (1, *canvas_size, 2):
        raise ValueError(
            f"elastic: displacement is {tuple(displacement.shape)}; it must be (1, {canvas_size[0]}, {canvas_size[1]}, 2)."
        )
    height, width = canvas_size

    def move(points):
        grid = (_image_warp.identity_grid(canvas_size).to(points) - displacement.to(points))[0]
        x = whole(points[..., 0]).long().clamp(0, width - 1)
        y = whole(points[..., 1]).long().clamp(0, height - 1)
        half = tensor([0.5 * width, 0.5 * height], dtype=points.dtype, device=points.device)
        return (grid[y, x] + 1) * half - 0.5

    return move


# -- the kernels: boxes, then keypoints


def horizontal_flip_boxes(bounding_boxes, format, canvas_size):
    return moved(bounding_boxes, format, _mirror(0, canvas_size[1]), mirrored=True)


def horizontal_flip_keypoints(keypoints, canvas_size):
    return _points(keypoints, _mirror(0, canvas_size[1] - 1))


def vertical_flip_boxes(bounding_boxes, format, canvas_size):
    return moved(bounding_boxes, format, _mirror(1, canvas_size[0]), mirrored=True)


def vertical_flip_keypoints(keypoints, canvas_size):
    return _points(keypoints, _mirror(1, canvas_size[0] - 1))


def _resizing(canvas_size, size, max_size):
    new = _image.new_size(canvas_size, size, max_size)
    return new, _scale(new[1] / canvas_size[1], new[0] / canvas_size[0])


def resize_boxes(
    bounding_boxes, canvas_size, size, max_size=None, format=_XYXY, clamping_mode="soft"
):
    new, move = _resizing(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return bounding_boxes, new
    return moved(bounding_boxes, format, move, new, clamping_mode), new


def resize_keypoints(keypoints, size, canvas_size, max_size=None):
    new, move = _resizing(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return keypoints, new
    return _points(keypoints, move), new


def crop_boxes(bounding_boxes, format, top, left, height, width, clamping_mode="soft"):
    new = (height, width)
    return moved(bounding_boxes, format, _shift(-left, -top), new, clamping_mode), new


def crop_keypoints(keypoints, top, left, height, width):
    new = (height, width)
    return _points(keypoints, _shift(-left, -top)), new


def _middle(canvas_size, output_size):
    """(top, left, height, width), rounded as torchvision does it: where the new size is larger by an odd number, one
    pixel beside the image's."""
    height, width = pair(output_size)
    top, left = (round((have - new) / 2) for have, new in zip(canvas_size, (height, width)))
    return top, left, height, width


def center_crop_boxes(bounding_boxes, format, canvas_size, output_size, clamping_mode="soft"):
    part = _middle(canvas_size, output_size)
    return crop_boxes(bounding_boxes, format, *part, clamping_mode=clamping_mode)


def center_crop_keypoints(keypoints, canvas_size, output_size):
    return crop_keypoints(keypoints, *_middle(canvas_size, output_size))


def resized_crop_boxes(
    bounding_boxes, format, top, left, height, width, size, clamping_mode="soft"
):
    cut, canvas = crop_boxes(bounding_boxes, format, top, left, height, width, clamping_mode)
    return resize_boxes(cut, canvas, size, format=format, clamping_mode=clamping_mode)


def resized_crop_keypoints(keypoints, top, left, height, width, size):
    cut, canvas = crop_keypoints(keypoints, top, left, height, width)
    return resize_keypoints(cut, size, canvas)


def _padding(canvas_size, padding, padding_mode):
    if padding_mode != "constant":
        raise ValueError(
            f"pad: padding_mode is {padding_mode!r}; of boxes and keypoints it must be 'constant'."
        )
    left, top, right, bottom = _image.four_sides(padding)
    height, width = canvas_size
    return (height + top + bottom, width + left + right), _shift(left, top)


def pad_boxes(
    bounding_boxes, format, canvas_size, padding, padding_mode="constant", clamping_mode="soft"
):
    new, move = _padding(canvas_size, padding, padding_mode)
    return moved(bounding_boxes, format, move, new, clamping_mode), new


def pad_keypoints(keypoints, canvas_size, padding, padding_mode="constant"):
    new, move = _padding(canvas_size, padding, padding_mode)
    return _points(keypoints, move), new


def _affine(canvas_size, angle, translate, scale, shear, center):
    middle = [canvas_size[1] * 0.5, canvas_size[0] * 0.5] if center is None else center
    return _image_warp.inverse_matrix(
        middle, angle, translate, scale, _image_warp.two(shear), inverted=False
    )


def affine_boxes(
    bounding_boxes, format, canvas_size, angle, translate, scale, shear, center=None,
    clamping_mode="soft",
):  # fmt: skip
    move = _by_matrix(_affine(canvas_size, angle, translate, scale, shear, center))
    return moved(bounding_boxes, format, move, canvas_size, clamping_mode)


def affine_keypoints(keypoints, canvas_size, angle, translate, scale, shear, center=None):
    move = _by_matrix(_affine(canvas_size, angle, translate, scale, shear, center))
    return _points(keypoints, move)


def _rotation(canvas_size, angle, expand, center):
    matrix = _affine(canvas_size, -angle, [0.0, 0.0], 1.0, [0.0, 0.0], None if expand else center)
    if not expand:
        return canvas_size, _by_matrix(matrix)
    height, width = canvas_size
    inverse = _image_warp.inverse_matrix([0.0, 0.0], -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    corners = _by_matrix(matrix)(tensor([[0.0, 0.0], [0.0, height], [width, height], [width, 0.0]]))
    matrix[2] -= float(corners[:, 0].min())
    matrix[5] -= float(corners[:, 1].min())
    return _image_warp.output_size(inverse, canvas_size), _by_matrix(matrix)


def rotate_boxes(
    bounding_boxes, format, canvas_size, angle, expand=False, center=None, clamping_mode="soft"
):
    new, move = _rotation(canvas_size, angle, expand, center)
    return moved(bounding_boxes, format, move, new, clamping_mode), new


def rotate_keypoints(keypoints, canvas_size, angle, expand=False, center=None):
    new, move = _rotation(canvas_size, angle, expand, center)
    return _points(keypoints, move), new


def _perspective(startpoints, endpoints, coefficients):
    if coefficients is None:
        coefficients = _image_warp.perspective_coefficients(startpoints, endpoints)
    if math.isclose(coefficients[0] * coefficients[4], coefficients[1] * coefficients[3]):
        raise RuntimeError(
            "perspective: the corners lie on a line, so points have no place in the result."
        )
    return _by_homography(_inverse(coefficients))


def perspective_boxes(
    bounding_boxes, format, canvas_size, startpoints, endpoints, coefficients=None,
    clamping_mode="soft",
):  # fmt: skip
    move = _perspective(startpoints, endpoints, coefficients)
    return moved(bounding_boxes, format, move, canvas_size, clamping_mode)


def perspective_keypoints(keypoints, canvas_size, startpoints, endpoints, coefficients=None):
    return _points(keypoints, _perspective(startpoints, endpoints, coefficients))


def elastic_boxes(bounding_boxes, format, canvas_size, displacement, clamping_mode="soft"):
    move = _displaced(displacement, canvas_size, ceil)
    return moved(bounding_boxes, format, move, canvas_size, clamping_mode)


def elastic_keypoints(keypoints, canvas_size, displacement):
    return _points(keypoints, _displaced(displacement, canvas_size, floor))
