"""Pictures of tensors: grids, files, and what models have found drawn into images. Drawing needs Pillow."""

import math

from .. import Tensor, _core, atan2, cat, full, int64, is_tensor, stack, tensor, uint8, where

__all__ = [
    "draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks", "flow_to_image", "make_grid", "save_image",
]  # fmt: skip


# -- grids


def make_grid(
    tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0
):
    """Images (N, C, H, W), or a list of (C, H, W), side by side: (C, H', W'), grey ones with three channels.

    nrow: images of a row; padding: pixels between. normalize: values from value_range, or from the least and the
    greatest (of each image with scale_each), to [0, 1].

    Example:
        >>> utils.make_grid(torch.zeros(5, 1, 4, 4), nrow=3).shape
        torch.Size([3, 14, 20])
    """
    if not is_tensor(tensor):
        if not isinstance(tensor, list | tuple) or not all(is_tensor(t) for t in tensor):
            raise TypeError(
                f"make_grid: takes a tensor or a list of tensors, not {type(tensor).__name__}."
            )
        tensor = stack(list(tensor), dim=0)
    images = tensor
    while images.ndim < 4:
        images = images.unsqueeze(0)
    if images.shape[1] == 1:
        images = cat([images] * 3, 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                f"make_grid: value_range is {value_range!r}; it must be (least, greatest)."
            )
        images = images.clone()
        for part in images if scale_each else [images]:
            low, high = value_range or (float(part.min()), float(part.max()))
            part.clamp_(low, high).sub_(low).div_(max(high - low, 1e-5))
    if len(images) == 1:
        return images[0]
    n, channels, height, width = images.shape
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    high, wide = height + padding, width + padding
    grid = full(
        (channels, rows * high + padding, columns * wide + padding), pad_value, dtype=images.dtype
    )
    for i, image in enumerate(images):
        top, left = i // columns * high + padding, i % columns * wide + padding
        grid[:, top : top + height, left : left + width] = image
    return grid


def save_image(tensor, fp, format=None, **kwargs):
    """make_grid of values in [0, 1] into a file, or an object with write; kwargs are make_grid's. Needs Pillow."""
    from .transforms._conversions import to_pil_image

    grid = make_grid(tensor, **kwargs).detach()
    image = to_pil_image(grid.mul(255).add(0.5).clamp(0, 255).to(uint8))
    image.save(fp, format=format)


# -- colours


def _generate_color_palette(n):
    """n colours, far apart."""
    base = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [tuple(i * step % 255 for step in base) for i in range(n)]


def _as_rgb(color):
    from PIL import ImageColor

    return ImageColor.getrgb(color) if isinstance(color, str) else tuple(color)


def _colors(name, colors, n):
    """n colours (r, g, b) out of none, one for all, or one each."""
    if colors is None:
        return _generate_color_palette(n)
    if isinstance(colors, list):
        if len(colors) < n:
            raise ValueError(
                f"{name}: {len(colors)} colors for {n} objects; there must be as many."
            )
        return [_as_rgb(color) for color in colors]
    if not isinstance(colors, str | tuple) or (
        isinstance(colors, tuple)
        and not (len(colors) == 3 and all(isinstance(c, int) for c in colors))
    ):
        raise ValueError(
            f"{name}: colors are {colors!r}; they must be a name or (r, g, b), or a list of them."
        )
    return [_as_rgb(colors)] * n


def _check_image(name, image, channels=(3,)):
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: image is {type(image).__name__}; it must be a Tensor.")
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(f"{name}: image is {image.dtype}; it must be uint8 or floating.")
    if image.ndim != 3 or image.shape[0] not in channels:
        raise ValueError(
            f"{name}: image is {tuple(image.shape)}; it must be (C, H, W) of {' or '.join(map(str, channels))} channels."
        )


def _canvas(image):
    """An image of Pillow to draw on, and the function that gives the image back in its dtype."""
    from .transforms._conversions import pil_to_tensor, to_pil_image
    from .transforms._image_color import convert_dtype

    dtype = image.dtype
    shown = convert_dtype(image, uint8)
    shown = shown.expand(3, -1, -1) if shown.shape[0] == 1 else shown
    return to_pil_image(shown), lambda drawn: convert_dtype(pil_to_tensor(drawn), dtype)


# -- drawing


def draw_bounding_boxes(
    image, boxes, labels=None, colors=None, fill=False, width=1, font=None, font_size=None,
    label_colors=None, label_background_colors=None, fill_labels=False,
):  # fmt: skip
    """An image (1 or 3, H, W) with boxes (N, 4), or rotated ones of corners (N, 8), and their labels.

    colors: one for all or a list; names, or (r, g, b). fill: half transparent. font, font_size: a TrueType file and
    its size. label_colors, label_background_colors, fill_labels: of the text and behind it. Needs Pillow.
    """
    name = "draw_bounding_boxes"
    _check_image(name, image, (1, 3))
    n = boxes.shape[0]
    if n == 0:
        _core._warn(f"{name}: there are no boxes, so the image stays as it is.")
        return image
    if font is None and font_size is not None:
        _core._warn(f"{name}: font_size needs a font, so it is ignored.")
    if boxes.shape[-1] == 4 and bool(
        ((boxes[:, 0] > boxes[:, 2]) | (boxes[:, 1] > boxes[:, 3])).any()
    ):
        raise ValueError(f"{name}: boxes must be (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2.")
    labels = [None] * n if labels is None else labels
    if len(labels) != n:
        raise ValueError(f"{name}: {len(labels)} labels for {n} boxes; there must be as many.")
    from PIL import ImageDraw, ImageFont

    colors = _colors(name, colors, n)
    text_colors = _colors(name, label_colors, n) if label_colors is not None else list(colors)
    behind = [None] * n
    if fill_labels:
        behind = (
            _colors(name, label_background_colors, n)
            if label_background_colors is not None
            else colors
        )
        text_colors = (
            _colors(name, label_colors, n) if label_colors is not None else [(0, 0, 0)] * n
        )
    letters = (
        ImageFont.load_default() if font is None else ImageFont.truetype(font, font_size or 10)
    )
    canvas, back = _canvas(image)
    draw = ImageDraw.Draw(canvas, "RGBA") if fill else ImageDraw.Draw(canvas)
    for box, color, label, text_color, ground in zip(
        boxes.to(int64).tolist(), colors, labels, text_colors, behind
    ):
        inside = (*color, 100) if fill else None
        if len(box) == 4:
            draw.rectangle(box, width=width, outline=color, fill=inside)
        else:
            _draw_turned(draw, list(zip(box[::2], box[1::2])), color, inside, width)
        if label is not None:
            margin = width + 1
            place = (box[0] + margin, box[1] + margin)
            if ground is not None:
                left, top, right, bottom = draw.textbbox(place, label, font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=ground)
            draw.text(place, label, fill=text_color, font=letters)
    return back(canvas)


def _draw_turned(draw, corners, color, inside, width):
    """A box of four corners, whose first side, its top, is dashed: 5 pixels, then 5 without."""
    (x, y), (x2, y2) = corners[:2]
    length = math.hypot(x2 - x, y2 - y)
    angle = math.atan2(y2 - y, x2 - x)
    at = lambda way: (x + math.cos(angle) * way, y + math.sin(angle) * way)
    for start in range(0, math.ceil(length), 10):
        draw.line((at(start), at(min(start + 5, length))), fill=color, width=width)
    for one, other in zip(corners[1:], [*corners[2:], corners[0]]):
        draw.line((one, other), fill=color, width=width)
    if inside is not None:
        draw.polygon(corners, fill=inside, outline=None, width=0)


def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """An image (3, H, W) with masks, bool (N, H, W) or (H, W), in colours; alpha: from 0, unseen, to 1.

    Where masks overlap it is black.
    """
    name = "draw_segmentation_masks"
    _check_image(name, image)
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3 or str(masks.dtype) != "torch.bool":
        raise ValueError(
            f"{name}: masks are {masks.dtype} {tuple(masks.shape)}; they must be bool (N, H, W)."
        )
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError(
            f"{name}: masks are {tuple(masks.shape[-2:])} and the image {tuple(image.shape[-2:])}; they must be alike."
        )
    if len(masks) == 0:
        _core._warn(f"{name}: there are no masks, so the image stays as it is.")
        return image
    drawn = image.clone()
    for mask, color in zip(masks, _colors(name, colors, len(masks))):
        value = tensor(color, dtype=uint8)
        value = value if image.dtype == uint8 else value.to(image.dtype) / 255
        drawn = where(mask, value[:, None, None], drawn)
    drawn = where(masks.sum(dim=0) > 1, 0, drawn)
    mixed = image * (1 - alpha) + drawn * alpha
    return where(masks.any(dim=0), mixed.to(image.dtype), image)


def draw_keypoints(
    image, keypoints, connectivity=None, colors=None, radius=2, width=3, visibility=None
):
    """An image (3, H, W) with points (N, K, 2) as dots, and lines between those that connectivity pairs.

    visibility: bool (N, K); what is False is left out. Needs Pillow.
    """
    name = "draw_keypoints"
    _check_image(name, image)
    if keypoints.ndim != 3 or keypoints.shape[-1] != 2:
        raise ValueError(f"{name}: keypoints are {tuple(keypoints.shape)}; they must be (N, K, 2).")
    if visibility is None:
        seen = [[True] * keypoints.shape[1]] * len(keypoints)
    else:
        if visibility.ndim == 3 and visibility.shape[-1] == 1:
            visibility = visibility[..., 0]
        if visibility.shape != keypoints.shape[:2]:
            raise ValueError(
                f"{name}: visibility is {tuple(visibility.shape)}; it must be {tuple(keypoints.shape[:2])}."
            )
        seen = visibility.tolist()
    from PIL import ImageDraw

    canvas, back = _canvas(image)
    draw = ImageDraw.Draw(canvas)
    color = _as_rgb(colors) if colors is not None else None
    for points, visible in zip(keypoints.tolist(), seen):
        for (x, y), shown in zip(points, visible):
            if shown:
                draw.ellipse(
                    (x - radius, y - radius, x + radius, y + radius),
                    fill=color,
                    outline=None,
                    width=0,
                )
        for a, b in connectivity or ():
            if visible[a] and visible[b]:
                draw.line((*points[a], *points[b]), width=width)
    return back(canvas)


# -- optical flow


def _wheel():
    """55 colours round the circle of directions: (55, 3).

    Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 92 (2011) 1, figure 1.
    """
    colours = []
    # From red over yellow, green, cyan, blue, magenta to red: how many steps, which channel stays, which changes.
    for steps, full_, rising, up in (
        (15, 0, 1, True), (6, 1, 0, False), (4, 1, 2, True), (11, 2, 1, False), (13, 2, 0, True), (6, 0, 2, False),
    ):  # fmt: skip
        for i in range(steps):
            colour = [0, 0, 0]
            colour[full_] = 255
            level = math.floor(255 * i / steps)
            colour[rising] = level if up else 255 - level
            colours.append(colour)
    return tensor(colours).float()


def flow_to_image(flow):
    """Flows (2, H, W) or (N, 2, H, W), floating, as colours, uint8 (3, H, W) or (N, 3, H, W): direction is hue, length depth."""
    if not flow.is_floating_point():
        raise ValueError(f"flow_to_image: flow is {flow.dtype}; it must be floating.")
    single = flow.ndim == 3
    if flow.ndim not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(
            f"flow_to_image: flow is {tuple(flow.shape)}; it must be (2, H, W) or (N, 2, H, W)."
        )
    flow = flow[None] if single else flow
    length = (flow**2).sum(dim=1).sqrt()
    flow, length = (v / (length.max() + 1e-7) for v in (flow, length))
    wheel = _wheel()
    place = (atan2(-flow[:, 1], -flow[:, 0]) / math.pi + 1) / 2 * (len(wheel) - 1)
    low = place.floor().long()
    high = where(low + 1 == len(wheel), 0, low + 1)
    share = (place - low)[..., None]
    colour = ((1 - share) * wheel[low] + share * wheel[high]) / 255  # (N, H, W, 3)
    deep = 1 - length[..., None] * (1 - colour)
    image = (255 * deep).floor().to(uint8).permute(0, 3, 1, 2)
    return image[0] if single else image


def _Image_fromarray(array, mode=None):
    """An array as an image of Pillow in a mode; PIL.Image.fromarray itself tells the mode by the array."""
    from PIL import Image

    if mode is None:
        return Image.fromarray(array)
    return Image.frombytes(mode, (array.shape[1], array.shape[0]), array.tobytes())
