"""Size, place and direction."""

import math

from ... import empty, rand, randint
from ...nn import Module
from . import functional as F
from ._checks import (
    between,
    check_erasing,
    check_fill,
    check_new_size,
    check_padding,
    check_padding_mode,
    check_pair,
    check_shares,
    numbers_of_two,
)
from .modes import check_mode, pair, shown


def uniform(low, high):
    """A random number."""
    return float(empty(()).uniform_(float(low), float(high)))


class Resize(Module):
    """Another size.

    Args:
        size (int or (int, int)): (height, width); one number for the shorter side.
        interpolation (InterpolationMode): how values between pixels are found.
        max_size (int, optional): with one number, the most the longer side may have.
        antialias (bool): of tensors, average over what a smaller pixel covers.
    """

    takes_batches = True

    def __init__(
        self, size, interpolation=F.InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        super().__init__()
        self.size = check_new_size("Resize", size)
        self.interpolation = check_mode("Resize", interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    __repr__ = shown("size interpolation max_size antialias")


class Pad(Module):
    """A border.

    Args:
        padding (int or sequence): all sides; (left and right, top and bottom); or (left, top,
            right, bottom).
        fill (number or sequence): the value of the border, one for each channel or one for all.
        padding_mode (str): "constant", "edge", "reflect" or "symmetric".
    """

    takes_batches = True

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, int | list | tuple):
            raise TypeError(
                f"Pad: padding is {padding!r}; it must be an int, or 1, 2 or 4 of them."
            )
        if not isinstance(fill, int | float | list | tuple):
            raise TypeError(f"Pad: fill is {fill!r}; it must be a number or one for each channel.")
        self.padding = check_padding("Pad", padding)
        self.fill = fill
        self.padding_mode = check_padding_mode("Pad", padding_mode)

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    __repr__ = shown("padding fill padding_mode")


class _OfSize(Module):
    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    __repr__ = shown("size")


class CenterCrop(_OfSize):
    """The middle of an image; a border of 0 where it is smaller than `size`."""

    takes_batches = True

    def forward(self, img):
        return F.center_crop(img, self.size)


class RandomCrop(Module):
    """A part of an image at a random place.

    Args:
        size (int or (int, int)): (height, width) of the part.
        padding, fill, padding_mode: a border before cutting, as Pad's.
        pad_if_needed (bool): a border where the image is smaller than `size`.
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = pair(size)
        self.padding = check_padding("RandomCrop", padding)
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = check_padding_mode("RandomCrop", padding_mode)

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of a random part."""
        (height, width), (_, have_height, have_width) = output_size, F.get_dimensions(img)
        if have_height < height or have_width < width:
            raise ValueError(
                f"RandomCrop: the crop {tuple(output_size)} is larger than the image "
                f"{(have_height, have_width)}. Pass padding=, or pad_if_needed=True."
            )
        top = int(randint(have_height - height + 1, ()))
        left = int(randint(have_width - width + 1, ()))
        return top, left, height, width

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        _, have_height, have_width = F.get_dimensions(img)
        if self.pad_if_needed and (have_width < width or have_height < height):
            missing = (max(width - have_width, 0), max(height - have_height, 0))
            img = F.pad(img, missing, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    __repr__ = shown("size padding")


class RandomHorizontalFlip(Module):
    """Left and right change places with probability `p`."""

    flip = staticmethod(F.hflip)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self.flip(img) if float(rand(())) < self.p else img

    __repr__ = shown("p")


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom change places with probability `p`."""

    flip = staticmethod(F.vflip)


def _rounded(values):
    return tuple(round(value, 4) for value in values)


def take_resized_crop(self, size, scale, ratio, interpolation, antialias):
    """Checks the arguments of a RandomResizedCrop, and keeps them."""
    self.size = pair(size)
    check_shares("RandomResizedCrop", scale, ratio)
    self.scale, self.ratio = scale, ratio
    self.interpolation = check_mode("RandomResizedCrop", interpolation)
    self.antialias = antialias


class RandomResizedCrop(Module):
    """A random part of an image, of a share of its area in `scale` and a ratio of width to height in `ratio`, resized."""

    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=F.InterpolationMode.BILINEAR, antialias=True,
    ):  # fmt: skip
        super().__init__()
        take_resized_crop(self, size, scale, ratio, interpolation, antialias)

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width); the middle where ten tries do not fit."""
        _, height, width = F.get_dimensions(img)
        return random_part(height, width, scale, ratio)

    def forward(self, img):
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def __repr__(self):
        return (
            f"RandomResizedCrop(size={self.size}, scale={_rounded(self.scale)}, ratio={_rounded(self.ratio)}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def _ten_sides(height, width, scale, ratio):
    """Ten pairs of sides, of random area and ratio."""
    for _ in range(10):
        area = height * width * uniform(*scale)
        aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
        yield round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))


def _placed(height, width, h, w):
    return int(randint(height - h + 1, ())), int(randint(width - w + 1, ())), h, w


def random_part(height, width, scale, ratio):
    """(top, left, height, width) of a part of random area and ratio."""
    for w, h in _ten_sides(height, width, scale, ratio):
        if 0 < w <= width and 0 < h <= height:
            return _placed(height, width, h, w)
    w, h = min(width, round(height * max(ratio))), min(height, round(width / min(ratio)))
    return (height - h) // 2, (width - w) // 2, h, w


class FiveCrop(_OfSize):
    """The corners and the middle: a tuple of five images."""

    def forward(self, img):
        return F.five_crop(img, self.size)


class TenCrop(_OfSize):
    """The corners and the middle of the image and the flipped one: a tuple of ten images."""

    def __init__(self, size, vertical_flip=False):
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)

    __repr__ = shown("size vertical_flip")


class RandomRotation(Module):
    """Turned by a random angle of `degrees`, a number for both directions or (low, high)."""

    def __init__(
        self, degrees, interpolation=F.InterpolationMode.NEAREST, expand=False, center=None, fill=0
    ):
        super().__init__()
        self.degrees = between("RandomRotation", "degrees", degrees)
        self.interpolation = check_mode("RandomRotation", interpolation)
        self.expand = expand
        self.center = check_pair("RandomRotation", "center", center)
        self.fill = check_fill("RandomRotation", fill)

    @staticmethod
    def get_params(degrees):
        """A random angle."""
        return uniform(*degrees)

    def forward(self, img):
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    __repr__ = shown("degrees interpolation expand fill")


def take_affine(self, degrees, translate, scale, shear, interpolation, center):
    """Checks the ranges of a RandomAffine, and keeps them."""
    self.degrees = between("RandomAffine", "degrees", degrees)
    check_pair("RandomAffine", "translate", translate)
    check_pair("RandomAffine", "scale", scale)
    if translate is not None and any(not 0.0 <= t <= 1.0 for t in translate):
        raise ValueError(f"RandomAffine: translate is {translate}; its values must lie in [0, 1].")
    if scale is not None and any(s <= 0 for s in scale):
        raise ValueError(f"RandomAffine: scale is {scale}; its values must be above 0.")
    self.translate = translate
    self.scale = scale
    self.shear = None if shear is None else between("RandomAffine", "shear", shear, (2, 4))
    self.interpolation = check_mode("RandomAffine", interpolation)
    self.center = check_pair("RandomAffine", "center", center)


class RandomAffine(Module):
    """Turned, moved, scaled and sheared by random amounts.

    degrees: a number or (low, high). translate: the most, in shares of (width, height). scale: (low, high). shear:
    degrees, a number, (low, high), or (low, high) of x and of y.
    """

    def __init__(
        self, degrees, translate=None, scale=None, shear=None,
        interpolation=F.InterpolationMode.NEAREST, fill=0, center=None,
    ):  # fmt: skip
        super().__init__()
        take_affine(self, degrees, translate, scale, shear, interpolation, center)
        self.fill = check_fill("RandomAffine", fill)

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, translation, scale, shear) at random; img_size: (width, height)."""
        angle = uniform(*degrees)
        moved = (0, 0)
        if translate is not None:
            moved = tuple(round(uniform(-t * s, t * s)) for t, s in zip(translate, img_size))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear = [0.0, 0.0]
        if shears is not None:
            shear[0] = uniform(*shears[:2])
            if len(shears) == 4:
                shear[1] = uniform(*shears[2:])
        return angle, moved, scale, tuple(shear)

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        chosen = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, (width, height)
        )
        return F.affine(
            img, *chosen, interpolation=self.interpolation, fill=self.fill, center=self.center
        )

    def __repr__(self):
        shown = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                shown.append(f"{name}={getattr(self, name)}")
        if self.interpolation != F.InterpolationMode.NEAREST:
            shown.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            shown.append(f"fill={self.fill}")
        if self.center is not None:
            shown.append(f"center={self.center}")
        return f"RandomAffine({', '.join(shown)})"


def random_corners(width, height, distortion_scale):
    """The corners of an image, and these moved inwards at random: lists of [x, y]."""
    right, bottom = width - 1, height - 1
    starts = [[0, 0], [right, 0], [right, bottom], [0, bottom]]
    dx, dy = int(distortion_scale * (width // 2)) + 1, int(distortion_scale * (height // 2)) + 1
    ends = []
    for x, y in starts:
        inwards = int(randint(dx, ())), int(randint(dy, ()))
        ends.append([x - inwards[0] if x else inwards[0], y - inwards[1] if y else inwards[1]])
    return starts, ends


class RandomPerspective(Module):
    """Seen from aside with probability p: corners move inwards by at most distortion_scale of half the image."""

    def __init__(
        self, distortion_scale=0.5, p=0.5, interpolation=F.InterpolationMode.BILINEAR, fill=0
    ):
        super().__init__()
        self.distortion_scale = distortion_scale
        self.p = p
        self.interpolation = check_mode("RandomPerspective", interpolation)
        self.fill = check_fill("RandomPerspective", fill)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """(startpoints, endpoints)."""
        return random_corners(width, height, distortion_scale)

    def forward(self, img):
        if float(rand(())) >= self.p:
            return img
        _, height, width = F.get_dimensions(img)
        corners = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *corners, self.interpolation, self.fill)

    __repr__ = shown("p")


def random_displacement(size, alpha, sigma):
    """A smooth random field (1, H, W, 2), in halves of the image: uniform noise, blurred by sigma, times alpha."""
    from ... import cat
    from ._image_color import gaussian_blur

    height, width = size
    fields = []
    for strength, deviation, side in zip(alpha, sigma, (width, height)):
        field = rand(1, 1, height, width) * 2 - 1
        if deviation > 0:
            kernel = int(8 * deviation + 1)
            kernel += kernel % 2 == 0
            field = gaussian_blur(field, [kernel, kernel], [deviation, deviation])
        fields.append(field * strength / side)
    return cat(fields, 1).permute(0, 2, 3, 1)


class ElasticTransform(Module):
    """Bent by a random field. Source: Simard, Steinkraus, Platt, ICDAR 2003, section 2."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=F.InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha = numbers_of_two("ElasticTransform", "alpha", alpha)
        self.sigma = numbers_of_two("ElasticTransform", "sigma", sigma)
        self.interpolation = check_mode("ElasticTransform", interpolation)
        self.fill = check_fill("ElasticTransform", fill)

    @staticmethod
    def get_params(alpha, sigma, size):
        """A displacement (1, H, W, 2)."""
        return random_displacement(size, alpha, sigma)

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        field = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, field, self.interpolation, self.fill)

    def __repr__(self):
        return f"ElasticTransform(alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation}, fill={self.fill})"


class RandomErasing(Module):
    """A random rectangle of a tensor takes `value` with probability p.

    scale: its share of the area; ratio: of its sides; value: a number, one for each channel, or "random".
    Source: Zhong et al., "Random Erasing Data Augmentation", 2020, arXiv:1708.04896.
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        check_erasing(scale, ratio, value)
        if not 0 <= p <= 1:
            raise ValueError(f"RandomErasing: p is {p}; it must lie in [0, 1].")
        self.p = p
        self.scale, self.ratio = scale, ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, values); the whole image, as it is, where ten tries do not fit."""
        channels, height, width = img.shape[-3:]
        found = random_rectangle(height, width, scale, ratio)
        if found is None:
            return 0, 0, height, width, img
        top, left, h, w = found
        if value is None:
            return top, left, h, w, empty([channels, h, w]).normal_()
        from ... import tensor

        return top, left, h, w, tensor(value)[:, None, None]

    def forward(self, img):
        if float(rand(())) >= self.p:
            return img
        value = [self.value] if isinstance(self.value, int | float) else self.value
        value = None if isinstance(value, str) else list(value)
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                f"RandomErasing: value has {len(value)} numbers; it must have one, or one for each of the "
                f"{img.shape[-3]} channels."
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    __repr__ = shown("p scale ratio value inplace")


def random_rectangle(height, width, scale, ratio):
    """(top, left, height, width) smaller than the image, or None after ten tries."""
    for h, w in _ten_sides(height, width, scale, ratio):
        if h < height and w < width:
            return _placed(height, width, h, w)
    return None
