"""Images as tensors (..., C, H, W): moved, turned and bent. A grid says where each new pixel is read."""

import math

from ... import Tensor, arange, cat, float32, linspace, meshgrid, ones_like, stack, tensor, where
from ...nn import functional as nnF
from ._image import as_before
from .modes import InterpolationMode, check_mode


def _fills(fill, channels):
    """A value for each channel; None where it is 0."""
    if fill is None:
        return None
    values = [float(fill)] if isinstance(fill, int | float) else [float(v) for v in fill]
    if len(values) not in (1, channels):
        raise ValueError(
            f"fill: there are {len(values)} values for {channels} channels; there must be 1 or as many."
        )
    return values if any(values) else None


def sample(name, image, grid, interpolation, fill):
    """The image at the places of a grid (1, H', W', 2) in [-1, 1]; outside it is `fill`."""
    mode = check_mode(name, interpolation)
    modes = (InterpolationMode.NEAREST, InterpolationMode.BILINEAR)
    if mode not in modes and not (name == "elastic" and mode == InterpolationMode.BICUBIC):
        raise ValueError(
            f"{name}: interpolation is {mode.value!r}; of tensors it is nearest or bilinear."
        )
    if image.numel() == 0:
        return image.new_empty((*image.shape[:-2], *grid.shape[1:3]))
    channels = image.shape[-3]
    batch = image.reshape(-1, *image.shape[-3:])
    batch = batch if image.is_floating_point() else batch.to(float32)
    fills = _fills(fill, channels)
    if fills is not None:
        batch = cat([batch, ones_like(batch[:, :1])], dim=1)
    grid = grid.to(batch.dtype).expand(len(batch), -1, -1, -1)
    out = nnF.grid_sample(batch, grid, mode=mode.value, padding_mode="zeros", align_corners=False)
    if fills is not None:
        out, inside = out[:, :-1], out[:, -1:]
        outside = tensor(fills, dtype=out.dtype, device=out.device).view(1, -1, 1, 1)
        if mode == InterpolationMode.NEAREST:
            out = where(inside < 0.5, outside, out)
        else:
            out = out * inside + (1.0 - inside) * outside
    out = as_before(out, image)
    return out.view(*image.shape[:-2], *out.shape[-2:])


# -- matrices


def inverse_matrix(center, angle, translate, scale, shear, inverted=True):
    """Six numbers of the matrix from new places to old ones (from old to new if not inverted).

    To new places: shear and turn about the centre, scale, then move. angle, shear: degrees.
    """
    turn, (sx, sy) = math.radians(angle), (math.radians(s) for s in shear)
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    if inverted:
        m = [v / scale for v in (d, -b, 0.0, -c, a, 0.0)]
        m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
        m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    else:
        m = [v * scale for v in (a, b, 0.0, c, d, 0.0)]
        m[2] += m[0] * -cx + m[1] * -cy + cx + tx
        m[5] += m[3] * -cx + m[4] * -cy + cy + ty
    return m


def matrix_grid(matrix, size, out_size):
    """The grid of a matrix about the middle of an image of `size` (height, width)."""
    out_h, out_w = out_size
    x = linspace(-out_w * 0.5 + 0.5, out_w * 0.5 - 0.5, out_w)
    y = linspace(-out_h * 0.5 + 0.5, out_h * 0.5 - 0.5, out_h)
    return _places(x, y, matrix, size)


def _places(x, y, matrix, size):
    """Columns x and rows y by a matrix, in halves of an image: (1, rows, columns, 2)."""
    h, w = size
    y, x = meshgrid(y, x, indexing="ij")
    # Divided first, in float32: nearest pixels of exact halves are then torchvision's.
    (a, b, c), (d, e, f) = tensor(matrix).view(2, 3) / tensor([[0.5 * w], [0.5 * h]])
    return stack([x * a + y * b + c, x * d + y * e + f], dim=-1)[None]


def output_size(matrix, size):
    """(height, width) that hold the whole moved image, of which `matrix` is the inverse about its middle."""
    h, w = size
    a, b, c, d, e, f = matrix
    corners = [(-0.5 * w, -0.5 * h), (-0.5 * w, 0.5 * h), (0.5 * w, 0.5 * h), (0.5 * w, -0.5 * h)]
    xs, ys = zip(*((a * x + b * y + c, d * x + e * y + f) for x, y in corners))
    # Cut after four digits (of decimals as they are meant): turns by 90 degrees are whole pixels.
    low, high = ([m(v) + half for v, half in zip((xs, ys), (w * 0.5, h * 0.5))] for m in (min, max))
    cut = lambda v: math.trunc(round(v * 1e4, 3)) / 1e4
    spread = [math.ceil(cut(b)) - math.floor(cut(a)) for a, b in zip(low, high)]
    return int(spread[1]), int(spread[0])


def affine(
    image, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
    center=None,
):  # fmt: skip
    """Turned by `angle` degrees, clockwise, about its middle or `center` (x, y), moved, scaled and sheared."""
    size = tuple(image.shape[-2:])
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, size[::-1])]
    matrix = inverse_matrix(middle, angle, [float(t) for t in translate], scale, two(shear))
    return sample("affine", image, matrix_grid(matrix, size, size), interpolation, fill)


def two(shear):
    """(x, y) out of one number or a sequence of one or two."""
    if isinstance(shear, int | float):
        return float(shear), 0.0
    shear = [float(s) for s in shear]
    return (shear[0], shear[0]) if len(shear) == 1 else tuple(shear)


def rotate(
    image, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """Turned by `angle` degrees, counter-clockwise; expand: the result holds the whole image."""
    size = tuple(image.shape[-2:])
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, size[::-1])]
    matrix = inverse_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    out = output_size(matrix, size) if expand else size
    return sample("rotate", image, matrix_grid(matrix, size, out), interpolation, fill)


def perspective_coefficients(startpoints, endpoints):
    """Eight numbers (a ... h) with x = (a X + b Y + c) / (g X + h Y + 1), and y likewise, from new to old places.

    startpoints, endpoints: four corners [x, y], before and after.
    """
    if startpoints is None or endpoints is None:
        raise ValueError("perspective: give startpoints and endpoints, or coefficients.")
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"perspective: {len(startpoints)} startpoints and {len(endpoints)} endpoints; there must be 4 of each."
        )
    rows, wanted = [], []
    for (x, y), (new_x, new_y) in zip(startpoints, endpoints):
        rows.append([new_x, new_y, 1, 0, 0, 0, -x * new_x, -x * new_y])
        rows.append([0, 0, 0, new_x, new_y, 1, -y * new_x, -y * new_y])
        wanted += [x, y]
    from ...linalg import lstsq

    solved = lstsq(tensor(rows).double(), tensor(wanted).double()[:, None]).solution
    return solved[:, 0].float().tolist()


def chosen_coefficients(startpoints, endpoints, coefficients):
    """The coefficients, given or of the corners."""
    if coefficients is None:
        return perspective_coefficients(startpoints, endpoints)
    if startpoints is not None or endpoints is not None:
        raise ValueError("perspective: give startpoints and endpoints, or coefficients, not both.")
    if len(coefficients) != 8:
        raise ValueError(f"perspective: {len(coefficients)} coefficients; there must be 8.")
    return coefficients


def perspective_grid(coefficients, size):
    h, w = size
    x, y = arange(w) + 0.5, arange(h) + 0.5
    a, b, c, d, e, f, g, k = coefficients
    divisor = _places(x, y, [g, k, 1.0, g, k, 1.0], (2.0, 2.0))
    return _places(x, y, [a, b, c, d, e, f], size) / divisor - 1.0


def perspective(
    image, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None,
    coefficients=None,
):  # fmt: skip
    """The image with its corners moved from startpoints to endpoints, [x, y] each, or by eight coefficients."""
    coefficients = chosen_coefficients(startpoints, endpoints, coefficients)
    grid = perspective_grid(coefficients, tuple(image.shape[-2:]))
    return sample("perspective", image, grid, interpolation, fill)


def identity_grid(size):
    h, w = size
    y = linspace((-h + 1) / h, (h - 1) / h, h)
    x = linspace((-w + 1) / w, (w - 1) / w, w)
    y, x = meshgrid(y, x, indexing="ij")
    return stack([x, y], dim=-1)[None]


def check_displacement(name, displacement):
    if not isinstance(displacement, Tensor):
        raise TypeError(
            f"{name}: displacement is {type(displacement).__name__}; it must be a Tensor."
        )


def elastic(image, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel is read from a place moved by `displacement` (1, H, W, 2), in halves of the image."""
    check_displacement("elastic", displacement)
    size = tuple(image.shape[-2:])
    if tuple(displacement.shape) != (1, *size, 2):
        raise ValueError(
            f"elastic: displacement is {tuple(displacement.shape)}; it must be (1, {size[0]}, {size[1]}, 2)."
        )
    grid = identity_grid(size).to(displacement) + displacement
    return sample("elastic", image, grid, interpolation, fill)
