"""The same for images of Pillow, by Pillow. Needs Pillow, which whoever has such an image has."""

from ... import _core
from . import _image, _image_color, _image_warp, _pil_pixels
from .modes import PIL_NUMBERS, InterpolationMode, check_mode, pair


def is_pil(image):
    """Whether it is an image of Pillow, without importing Pillow."""
    return any(
        kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(image).__mro__
    )


def _number(name, interpolation):
    return PIL_NUMBERS[check_mode(name, interpolation).value]


def size(image):
    """(height, width)."""
    width, height = image.size
    return height, width


def channels(image):
    return len(image.getbands())


def by_tensor(image, function, *args, **options):
    """What Pillow lacks, through a tensor."""
    from ._conversions import pil_to_tensor, to_pil_image

    changed = function(pil_to_tensor(image), *args, **options)
    return to_pil_image(changed, mode=image.mode)


# -- size, place and direction


def hflip(image):
    from PIL import Image

    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(image):
    from PIL import Image

    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def crop(image, top, left, height, width):
    return image.crop((left, top, left + width, top + height))


def center_crop(image, output_size):
    height, width = pair(output_size)
    border, top, left = _image.centre(size(image), (height, width))
    return crop(pad(image, border) if any(border) else image, top, left, height, width)


def _fill(image, fill):
    """A fill as Pillow takes it: a number, or one for each band."""
    n = channels(image)
    if fill is None:
        fill = 0
    if not isinstance(fill, int | float):
        fill = tuple(fill)
        fill = fill[0] if len(fill) == 1 else fill
    if isinstance(fill, tuple):
        if len(fill) != n:
            raise ValueError(
                f"fill: there are {len(fill)} values for {n} channels; there must be 1 or as many."
            )
        return fill if image.mode == "F" else tuple(int(v) for v in fill)
    if n > 1:
        return (int(fill),) * n
    return fill if image.mode == "F" else int(fill)


def pad(image, padding, fill=0, padding_mode="constant"):
    left, top, right, bottom = _image.four_sides(padding)
    if padding_mode == "constant" and min(left, top, right, bottom) >= 0:
        from PIL import ImageOps

        made = ImageOps.expand(image, border=(left, top, right, bottom), fill=_fill(image, fill))
        if image.mode == "P":
            made.putpalette(image.getpalette())
        return made
    _image.check_rest(image.height, image.width, (left, top, right, bottom), ValueError)
    made = _image.pad(_levels(image), padding, fill, padding_mode)
    return _like(image, made)


def _levels(image):
    """Its values as a tensor (C, H, W) whose pixels may move, but not mix: also indices of a palette."""
    from ._conversions import pil_to_tensor

    made = pil_to_tensor(image)
    return made.view(_core.int16) if made.dtype == _core.uint16 else made


def _like(image, levels):
    """The image of such values in the mode of another."""
    from ._conversions import to_pil_image

    if image.mode == "P":
        made = to_pil_image(levels)
        made.putpalette(image.palette)
        return made
    if image.mode == "1":
        return to_pil_image(levels.to(_core.uint8) * 255).convert("1", dither=0)
    return to_pil_image(levels, mode=image.mode)


def resize(image, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Pillow always antialiases bilinear and bicubic ones; antialias=False warns."""
    mode = check_mode("resize", interpolation)
    if antialias is False and mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        _core._warn(
            "resize: Pillow antialiases always, so antialias=False does nothing to its images."
        )
    height, width = _image.new_size(image.size[::-1], size, max_size)
    if (width, height) == image.size:
        return image
    made = _pil_pixels.resize(image, (0, 0, *image.size), (height, width), mode)
    return image.resize((width, height), PIL_NUMBERS[mode.value]) if made is None else made


def resized_crop(
    image, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    if antialias is not False:
        mode = check_mode("resize", interpolation)
        box = left, top, left + width, top + height
        made = _pil_pixels.resize(image, box, _image.new_size((height, width), size), mode)
        if made is not None:
            return made
    part = crop(image, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


def affine(
    image, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
    center=None,
):  # fmt: skip
    middle = [s * 0.5 for s in image.size] if center is None else center
    matrix = _image_warp.inverse_matrix(middle, angle, translate, scale, _image_warp.two(shear))
    return _transformed(image, "affine", matrix, interpolation, fill)


def _transformed(image, name, data, interpolation, fill):
    from PIL import Image

    method = Image.Transform[name.upper()]
    number = _number(name, interpolation)
    return image.transform(image.size, method, data, number, fillcolor=_fill(image, fill))


def rotate(
    image, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    return image.rotate(
        angle, _number("rotate", interpolation), expand, center, fillcolor=_fill(image, fill)
    )


def perspective(
    image, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None,
    coefficients=None,
):  # fmt: skip
    coefficients = _image_warp.chosen_coefficients(startpoints, endpoints, coefficients)
    return _transformed(image, "perspective", coefficients, interpolation, fill)


def elastic(image, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    return by_tensor(image, _image_warp.elastic, displacement, interpolation, fill)


def erase(image, i, j, h, w, v, inplace=False):
    if inplace:
        raise ValueError("erase: an image of Pillow is not changed in place; leave inplace out.")
    return by_tensor(image, _image.erase, i, j, h, w, v)


# -- values and colours


def _enhanced(kind, image, factor, name):
    from PIL import ImageEnhance

    _image_color._factor(name, factor)
    return getattr(ImageEnhance, kind)(image).enhance(factor)


def adjust_brightness(image, brightness_factor):
    return _enhanced("Brightness", image, brightness_factor, "adjust_brightness")


def adjust_contrast(image, contrast_factor):
    return _enhanced("Contrast", image, contrast_factor, "adjust_contrast")


def adjust_saturation(image, saturation_factor):
    return _enhanced("Color", image, saturation_factor, "adjust_saturation")


def adjust_sharpness(image, sharpness_factor):
    return _enhanced("Sharpness", image, sharpness_factor, "adjust_sharpness")


def adjust_hue(image, hue_factor):
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor is {hue_factor}; it must lie in [-0.5, 0.5].")
    if image.mode in ("L", "1", "I", "F"):
        return image
    from PIL import Image

    hue, saturation, value = image.convert("HSV").split()
    moved = hue.point([(level + int(hue_factor * 255)) % 256 for level in range(256)])
    return Image.merge("HSV", (moved, saturation, value)).convert(image.mode)


def adjust_gamma(image, gamma, gain=1):
    if gamma < 0:
        raise ValueError(f"adjust_gamma: gamma is {gamma}; it must not be negative.")
    mode, image = image.mode, image.convert("RGB")
    levels = [
        int(min(max((255 + 1 - 1e-3) * gain * (i / 255.0) ** gamma, 0), 255)) for i in range(256)
    ]
    return image.point(levels * 3).convert(mode)


def rgb_to_grayscale(image, num_output_channels=1):
    if num_output_channels not in (1, 3):
        raise ValueError(
            f"to_grayscale: num_output_channels is {num_output_channels}; it must be 1 or 3."
        )
    grey = image.convert("L")
    return grey.convert("RGB") if num_output_channels == 3 else grey


def grayscale_to_rgb(image):
    return image.convert("RGB")


def _ops(name, image, *args):
    from PIL import ImageOps

    return getattr(ImageOps, name)(image, *args)


def invert(image):
    return _ops("invert", image)


def posterize(image, bits):
    return _ops("posterize", image, bits)


def solarize(image, threshold):
    return _ops("solarize", image, threshold)


def autocontrast(image):
    return _ops("autocontrast", image)


def equalize(image):
    return _ops("equalize", image)


def gaussian_blur(image, kernel_size, sigma=None):
    return by_tensor(image, _image_color.gaussian_blur, kernel_size, sigma)


def permute_channels(image, permutation):
    return by_tensor(image, _image_color.permute_channels, permutation)
