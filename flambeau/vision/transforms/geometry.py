"""Size, place and direction."""

import flambeau

from . import functional as F


class Resize:
    """Another size.

    Args:
        size (int or (int, int)): (height, width); one number for the shorter side.
        interpolation (InterpolationMode): BILINEAR or NEAREST.
        max_size (int, optional): with one number, the most the longer side may have.
        antialias (bool): with BILINEAR, average over what a smaller pixel covers.
    """

    takes_batches = True

    def __init__(
        self, size, interpolation=F.InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, image):
        return F.resize(image, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self):
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class Pad:
    """A border.

    Args:
        padding (int or sequence): all sides; (left and right, top and bottom); or (left, top,
            right, bottom).
        fill (number or sequence): the value of the border, one for each channel or one for all.
        padding_mode (str): "constant", "edge", "reflect" or "symmetric".
    """

    takes_batches = True

    def __init__(self, padding, fill=0, padding_mode="constant"):
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, image):
        return F.pad(image, self.padding, self.fill, self.padding_mode)

    def __repr__(self):
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class CenterCrop:
    """The middle of an image; a border of 0 where it is smaller than `size`."""

    takes_batches = True

    def __init__(self, size):
        self.size = F.pair(size)

    def __call__(self, image):
        return F.center_crop(image, self.size)

    def __repr__(self):
        return f"CenterCrop(size={self.size})"


class RandomCrop:
    """A part of an image at a random place.

    Args:
        size (int or (int, int)): (height, width) of the part.
        padding, fill, padding_mode: a border before cutting, as Pad's.
        pad_if_needed (bool): a border where the image is smaller than `size`.
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        self.size = F.pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, image):
        if self.padding is not None:
            image = F.pad(image, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        have_height, have_width = image.shape[-2:]
        if self.pad_if_needed:
            missing = (max(width - have_width, 0), max(height - have_height, 0))
            image = F.pad(image, missing, self.fill, self.padding_mode)
            have_height, have_width = image.shape[-2:]
        if have_height < height or have_width < width:
            raise ValueError(
                f"RandomCrop: the crop {self.size} is larger than the image "
                f"{(have_height, have_width)}. Pass padding=, or pad_if_needed=True."
            )
        top = int(flambeau.randint(have_height - height + 1, ()))
        left = int(flambeau.randint(have_width - width + 1, ()))
        return F.crop(image, top, left, height, width)

    def __repr__(self):
        return f"RandomCrop(size={self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """Left and right change places with probability `p`."""

    flip = staticmethod(F.hflip)

    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, image):
        return self.flip(image) if float(flambeau.rand(())) < self.p else image

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom change places with probability `p`."""

    flip = staticmethod(F.vflip)
