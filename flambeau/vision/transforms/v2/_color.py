"""Colours, light and blur."""

from .... import rand, randperm
from ..color import jitter_range
from ..geometry import uniform
from . import functional as F
from ._transform import RandomApplied, Transform
from ._utils import query_chw


class Grayscale(Transform):
    """Grey images of 1 or 3 channels."""

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt, params):
        return self._call_kernel(
            F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels
        )


class RGB(Transform):
    """Three channels, out of one where it is so."""

    def transform(self, inpt, params):
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class RandomGrayscale(RandomApplied):
    """Grey, of as many channels as before, with probability p."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def make_params(self, flat_inputs):
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random factors, in a random order: see transforms.ColorJitter."""

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        self.brightness = jitter_range("brightness", brightness)
        self.contrast = jitter_range("contrast", contrast)
        self.saturation = jitter_range("saturation", saturation)
        self.hue = jitter_range("hue", hue, center=0, bound=(-0.5, 0.5))

    def make_params(self, flat_inputs):
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        return {
            "order": randperm(4).tolist(),
            "factors": [None if r is None else uniform(*r) for r in ranges],
        }

    def transform(self, inpt, params):
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(changes[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """Channels in a random order."""

    def make_params(self, flat_inputs):
        return {"permutation": randperm(query_chw(flat_inputs)[0]).tolist()}

    def transform(self, inpt, params):
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """SSD's changes of colour, each with probability p: factors at random from the ranges, channels permuted.

    Source: Liu et al., "SSD", 2016, arXiv:1512.02325, section 2.2.
    """

    def __init__(
        self, brightness=(0.875, 1.125), contrast=(0.5, 1.5), saturation=(0.5, 1.5),
        hue=(-0.05, 0.05), p=0.5,
    ):  # fmt: skip
        super().__init__()
        self.brightness, self.contrast = brightness, contrast
        self.saturation, self.hue = saturation, hue
        self.p = p

    def make_params(self, flat_inputs):
        ranges = {
            name: getattr(self, name) for name in ("brightness", "contrast", "saturation", "hue")
        }
        params = {name: uniform(*r) if self._happens() else None for name, r in ranges.items()}
        params["contrast_before"] = self._happens()
        channels = query_chw(flat_inputs)[0]
        params["permutation"] = randperm(channels).tolist() if self._happens() else None
        return params

    def _happens(self):
        return float(rand(())) < self.p

    def transform(self, inpt, params):
        steps = ["brightness", "saturation", "hue"]
        steps.insert(1 if params["contrast_before"] else 3, "contrast")
        for name in steps:
            if params[name] is not None:
                inpt = self._call_kernel(getattr(F, f"adjust_{name}"), inpt, params[name])
        if params["permutation"] is not None:
            inpt = self._call_kernel(F.permute_channels, inpt, params["permutation"])
        return inpt


class RandomEqualize(RandomApplied):
    """Levels equally frequent, with probability p."""

    _kernel = staticmethod(F.equalize)


class RandomInvert(RandomApplied):
    """Inverted with probability p."""

    _kernel = staticmethod(F.invert)


class RandomPosterize(RandomApplied):
    """The first `bits` of each value, with probability p."""

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    _kernel, _settings = staticmethod(F.posterize), ("bits",)


class RandomSolarize(RandomApplied):
    """Values from `threshold` on inverted, with probability p."""

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    _kernel, _settings = staticmethod(F.solarize), ("threshold",)


class RandomAutocontrast(RandomApplied):
    """From black to white, with probability p."""

    _kernel = staticmethod(F.autocontrast)


class RandomAdjustSharpness(RandomApplied):
    """As sharp as `sharpness_factor` says, with probability p."""

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    _kernel, _settings = staticmethod(F.adjust_sharpness), ("sharpness_factor",)


class GaussianBlur(Transform):
    """Blurred by a deviation at random from `sigma`, a number or (low, high). kernel_size: odd, one or (x, y)."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
        if len(self.kernel_size) != 2 or any(n <= 0 or n % 2 == 0 for n in self.kernel_size):
            raise ValueError(
                f"GaussianBlur: kernel_size is {kernel_size}; it must be odd and above 0, one or two."
            )
        if not isinstance(sigma, int | float | list | tuple):
            raise TypeError(
                f"GaussianBlur: sigma is {sigma!r}; it must be a number or (low, high)."
            )
        self.sigma = (
            [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(s) for s in sigma]
        )
        self.sigma *= 2 if len(self.sigma) == 1 else 1
        if len(self.sigma) != 2 or not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"GaussianBlur: sigma is {sigma}; it must be above 0, (low, high).")

    def make_params(self, flat_inputs):
        sigma = uniform(*self.sigma)
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Normal numbers added, of mean and deviation in shares of white; clip: cut to what images hold."""

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma = mean, sigma
        self.clip = clip

    def transform(self, inpt, params):
        return self._call_kernel(
            F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip
        )
