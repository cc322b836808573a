"""The pixels of Pillow's images as tensors over the same memory, and back, by Arrow's interface.

Pillow keeps an RGB pixel in four bytes. What takes its images apart, or makes them smaller, reads them where they
are; where Pillow is too old (before 11.2) or an image lies in several pieces (above 16 MB), `of_image` gives None,
and Pillow does the work.
"""

import functools

from ... import _core
from .modes import InterpolationMode


def of_image(image):
    """Its pixels, uint8 (H, W, 4), not to be written to; None where they can't be seen, or are not RGB."""
    if image.mode != "RGB" or not hasattr(image, "__arrow_c_array__"):
        return None
    width, height = image.size
    if not width or not height:
        return None
    try:
        return _core._from_arrow(*image.__arrow_c_array__()).view(height, width, 4)
    except ValueError:  # its memory is in several pieces
        return None


class _Lent:
    """A tensor as somebody who has an array of Arrow's."""

    def __init__(self, pixels):
        self.pixels = pixels

    def __arrow_c_array__(self, requested_schema=None):
        return _core._to_arrow(self.pixels.view(-1, 4))


def to_image(pixels):
    """An RGB image over the memory of pixels, uint8 (H, W, 4)."""
    from PIL import Image

    height, width, _ = pixels.shape
    return Image.fromarrow(_Lent(pixels), "RGB", (width, height))


def planes(image, floating=False):
    """An RGB image as a tensor (3, H, W): uint8, or float32 divided by 255. None as of_image."""
    pixels = of_image(image)
    return None if pixels is None else _core._planes(pixels, 3, floating)


def resize(image, box, size, mode):
    """The part (left, top, right, bottom) of an RGB image in another size (height, width), as Pillow gives it.

    None where Pillow has to do it: another mode, a part beyond the image, pixels that can't be seen.
    """
    if mode not in _CUBIC or min(size) <= 0:
        return None
    left, top, right, bottom = box
    if not (0 <= left < right <= image.size[0] and 0 <= top < bottom <= image.size[1]):
        return None
    order = _order()
    pixels = None if order is None else of_image(image)
    if pixels is None:
        return None
    part = pixels[top:bottom, left:right]
    return to_image(_core._resample_pixels(part, *size, _CUBIC[mode], order(part.shape, size)))


_CUBIC = {InterpolationMode.BILINEAR: False, InterpolationMode.BICUBIC: True}


def _by_rows_lost(have, size):
    """Whether the height changes first: where it loses more than twice as many rows as the width columns."""
    return have[0] - size[0] > 2 * max(have[1] - size[1], 0)


def _width_first(have, size):
    return False


@functools.lru_cache(1)
def _order():
    """Which direction the Pillow that is installed changes first, as a function (have, size) -> height first.

    Found out on pixels whose result depends on it; None if Pillow computes in yet another way.
    """
    import numpy
    from PIL import Image

    array = numpy.random.default_rng(0).integers(0, 256, (24, 8, 3), dtype="uint8")
    image = Image.fromarray(array)
    size = 7, 9
    theirs = image.resize(size[::-1], Image.Resampling.BICUBIC).tobytes()
    pixels = of_image(image)
    if pixels is None:
        return None
    for order in (_by_rows_lost, _width_first):
        ours = _core._resample_pixels(pixels, *size, True, order(pixels.shape, size))
        if ours[..., :3].contiguous().numpy().tobytes() == theirs:
            return order
    return None
