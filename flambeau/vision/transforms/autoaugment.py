"""Augmentation policies on images of Pillow and tensors; see _policies.py."""

from ... import Tensor
from ...nn import Module
from . import _policies
from . import functional as F
from ._conversions import pil_to_tensor, to_pil_image
from ._image_color import bound
from ._policies import AutoAugmentPolicy

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


class _Policy(Module):
    """What policies share: one operation, and how it is shown."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def apply(self, img, name, magnitude):
        white = bound(img) if isinstance(img, Tensor) else 255
        return _policies.apply(F, img, name, magnitude, self.interpolation, self.fill, white)

    def forward(self, img):
        seen = [img]

        def apply(name, magnitude):
            seen[0] = self.apply(seen[0], name, magnitude)

        _, height, width = F.get_dimensions(img)
        self.choose(apply, (height, width))
        return seen[0]

    def __repr__(self):
        own = (
            (k, v)
            for k, v in vars(self).items()
            if k[0] != "_" and k not in ("training", "policies")
        )
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in own)})"


class AutoAugment(_Policy):
    """One of the 25 policies learned on ImageNet, CIFAR-10 or SVHN, at random."""

    def __init__(
        self,
        policy=AutoAugmentPolicy.IMAGENET,
        interpolation=F.InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.policy = policy
        self.policies = _policies.learned(policy)

    def choose(self, apply, size):
        _policies.auto_augment(apply, size, self.policies)


class RandAugment(_Policy):
    """num_ops operations at random, all of the magnitude `magnitude` of num_magnitude_bins."""

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=F.InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def choose(self, apply, size):
        _policies.rand_augment(apply, size, self.num_ops, self.magnitude, self.num_magnitude_bins)


class TrivialAugmentWide(_Policy):
    """One operation of a random magnitude."""

    def __init__(self, num_magnitude_bins=31, interpolation=F.InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def choose(self, apply, size):
        _policies.trivial_augment(apply, self.num_magnitude_bins)


class AugMix(_Policy):
    """An image mixed with mixture_width chains of chain_depth operations on it (at most 3, at random, with -1).

    severity: 1 to 10, the most of magnitudes; alpha: of the distribution of weights; all_ops: brightness, contrast,
    colour and sharpness, too.
    """

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=F.InterpolationMode.BILINEAR,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"AugMix: severity is {severity}; it must lie in 1 to 10.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def forward(self, img):
        image = img if isinstance(img, Tensor) else pil_to_tensor(img)
        weights, images = _policies.aug_mix(
            image,
            self.apply,
            tuple(image.shape[-2:]),
            self.severity,
            self.mixture_width,
            self.chain_depth,
            self.alpha,
            self.all_ops,
        )
        mixed = sum(weight * one.float() for weight, one in zip(weights, images)).to(image.dtype)
        return mixed if isinstance(img, Tensor) else to_pil_image(mixed, mode=img.mode)
