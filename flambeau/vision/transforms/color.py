"""Colours, light and blur."""

import numbers

from ... import Tensor, rand, randperm
from ...nn import Module
from . import functional as F
from .geometry import uniform
from .modes import pair, shown


def jitter_range(name, value, center=1.0, bound=(0, float("inf"))):
    """(low, high) about `center`; None where nothing changes."""
    if value is None:
        return None
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(
                f"ColorJitter: {name} is {value}; a single number must not be negative."
            )
        low = center - float(value)
        value = (max(low, 0.0) if center == 1.0 else low, center + float(value))
    elif not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(f"ColorJitter: {name} is {value}; it must be a number or (low, high).")
    low, high = float(value[0]), float(value[1])
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(f"ColorJitter: {name} is {value}; it must be in order and in {bound}.")
    return None if low == high == center else (low, high)


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue changed by random factors, in a random order.

    Each is a number, for factors from 1 - it to 1 + it (hue: turns from -it to it), or (low, high).
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = jitter_range("brightness", brightness)
        self.contrast = jitter_range("contrast", contrast)
        self.saturation = jitter_range("saturation", saturation)
        self.hue = jitter_range("hue", hue, center=0, bound=(-0.5, 0.5))

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(order of the four, their factors); None changes nothing."""
        ranges = (brightness, contrast, saturation, hue)
        return (randperm(4), *(None if r is None else uniform(*r) for r in ranges))

    def forward(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return img

    __repr__ = shown("brightness contrast saturation hue")


class Grayscale(Module):
    """A grey image of 1 or 3 channels."""

    takes_batches = True

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, num_output_channels=self.num_output_channels)

    __repr__ = shown("num_output_channels")


class _Sometimes(Module):
    """What change(img) does, with probability p."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self.change(img) if float(rand(())) < self.p else img

    def __repr__(self):
        own = "".join(
            f"{k}={v}," for k, v in vars(self).items() if k[0] != "_" and k not in ("p", "training")
        )
        return f"{type(self).__name__}({own}p={self.p})"


class RandomGrayscale(_Sometimes):
    """Grey, of as many channels as before, with probability p."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def change(self, img):
        return F.rgb_to_grayscale(img, num_output_channels=F.get_image_num_channels(img))


class RandomInvert(_Sometimes):
    """Inverted with probability p."""

    change = staticmethod(F.invert)


class RandomPosterize(_Sometimes):
    """The first `bits` of each value, with probability p."""

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(_Sometimes):
    """Values from `threshold` on inverted, with probability p."""

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Sometimes):
    """As sharp as `sharpness_factor` says, with probability p."""

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(_Sometimes):
    """From black to white, with probability p."""

    change = staticmethod(F.autocontrast)


class RandomEqualize(_Sometimes):
    """Levels equally frequent, with probability p."""

    change = staticmethod(F.equalize)


class GaussianBlur(Module):
    """Blurred by a deviation at random from `sigma`, a number or (low, high). kernel_size: odd, one or (x, y)."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = list(pair(kernel_size))
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError(
                f"GaussianBlur: kernel_size is {kernel_size}; it must be odd and above 0."
            )
        two = isinstance(sigma, list | tuple) and len(sigma) == 2
        if not isinstance(sigma, int | float) and not two:
            raise ValueError(
                f"GaussianBlur: sigma is {sigma!r}; it must be a number or (low, high)."
            )
        self.sigma = (sigma, sigma) if isinstance(sigma, int | float) else tuple(sigma)
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"GaussianBlur: sigma is {sigma}; it must be above 0, (low, high).")

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A random deviation."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img):
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self):
        return f"GaussianBlur(kernel_size={tuple(self.kernel_size)}, sigma={self.sigma})"


class LinearTransformation(Module):
    """(flat image - mean_vector) @ transformation_matrix, as for whitening; of tensors (..., C, H, W)."""

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        take_linear(self, transformation_matrix, mean_vector)

    def forward(self, tensor):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"LinearTransformation: takes a Tensor, not {type(tensor).__name__}.")
        return linear_transformation(tensor, self.transformation_matrix, self.mean_vector)

    def __repr__(self):
        return (
            f"LinearTransformation(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


def take_linear(self, matrix, mean):
    """Checks the arguments of a LinearTransformation, and keeps them."""
    if matrix.shape[0] != matrix.shape[1] or mean.shape[0] != matrix.shape[0]:
        raise ValueError(
            f"LinearTransformation: matrix {tuple(matrix.shape)} and mean_vector {tuple(mean.shape)}; they must be (D, D) "
            "and (D,)."
        )
    if (matrix.dtype, matrix.device) != (mean.dtype, mean.device):
        raise ValueError(
            f"LinearTransformation: matrix is {matrix.dtype} on {matrix.device}, mean_vector {mean.dtype} on "
            f"{mean.device}; they must be the same."
        )
    self.transformation_matrix, self.mean_vector = matrix, mean


def linear_transformation(image, matrix, mean):
    flat = image.shape[-3] * image.shape[-2] * image.shape[-1]
    if flat != matrix.shape[0]:
        raise ValueError(
            f"LinearTransformation: image {tuple(image.shape[-3:])} has {flat} values; the matrix takes {matrix.shape[0]}."
        )
    return ((image.reshape(-1, flat) - mean) @ matrix).reshape(image.shape)
