"""Augmentation policies, of which transforms and transforms.v2 make the same classes.

Source: Cubuk et al., "AutoAugment", 2019, arXiv:1805.09501, appendix; "RandAugment", 2019, arXiv:1909.13719; Müller,
Hutter, "TrivialAugment", 2021, arXiv:2103.10158; Hendrycks et al., "AugMix", 2020, arXiv:1912.02781.
"""

import enum
import math

from ... import arange, full, linspace, rand, randint
from .modes import InterpolationMode

# What changes by "F.name(image, 1 + magnitude)".
_ADJUSTMENTS = {
    "Brightness": "adjust_brightness",
    "Color": "adjust_saturation",
    "Contrast": "adjust_contrast",
    "Sharpness": "adjust_sharpness",
}
_PLAIN = {"AutoContrast": "autocontrast", "Equalize": "equalize", "Invert": "invert"}


class AutoAugmentPolicy(enum.Enum):
    """The data set that a policy was learned on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Each policy: two operations one after the other, "name probability magnitude" (of 10 bins).
_TEXTS = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 + Rotate 0.6 9; Solarize 0.6 5 + AutoContrast 0.6; Equalize 0.8 + Equalize 0.6;
        Posterize 0.6 7 + Posterize 0.6 6; Equalize 0.4 + Solarize 0.2 4; Equalize 0.4 + Rotate 0.8 8;
        Solarize 0.6 3 + Equalize 0.6; Posterize 0.8 5 + Equalize 1; Rotate 0.2 3 + Solarize 0.6 8;
        Equalize 0.6 + Posterize 0.4 6; Rotate 0.8 8 + Color 0.4 0; Rotate 0.4 9 + Equalize 0.6;
        Equalize 0 + Equalize 0.8; Invert 0.6 + Equalize 1; Color 0.6 4 + Contrast 1 8; Rotate 0.8 8 + Color 1 2;
        Color 0.8 8 + Solarize 0.8 7; Sharpness 0.4 7 + Invert 0.6; ShearX 0.6 5 + Equalize 1;
        Color 0.4 0 + Equalize 0.6; Equalize 0.4 + Solarize 0.2 4; Solarize 0.6 5 + AutoContrast 0.6;
        Invert 0.6 + Equalize 1; Color 0.6 4 + Contrast 1 8; Equalize 0.8 + Equalize 0.6;
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 + Contrast 0.2 6; Rotate 0.7 2 + TranslateX 0.3 9; Sharpness 0.8 1 + Sharpness 0.9 3;
        ShearY 0.5 8 + TranslateY 0.7 9; AutoContrast 0.5 + Equalize 0.9; ShearY 0.2 7 + Posterize 0.3 7;
        Color 0.4 3 + Brightness 0.6 7; Sharpness 0.3 9 + Brightness 0.7 9; Equalize 0.6 + Equalize 0.5;
        Contrast 0.6 7 + Sharpness 0.6 5; Color 0.7 7 + TranslateX 0.5 8; Equalize 0.3 + AutoContrast 0.4;
        TranslateY 0.4 3 + Sharpness 0.2 6; Brightness 0.9 6 + Color 0.2 8; Solarize 0.5 2 + Invert 0;
        Equalize 0.2 + AutoContrast 0.6; Equalize 0.2 + Equalize 0.6; Color 0.9 9 + Equalize 0.6;
        AutoContrast 0.8 + Solarize 0.2 8; Brightness 0.1 3 + Color 0.7 0; Solarize 0.4 5 + AutoContrast 0.9;
        TranslateY 0.9 9 + TranslateY 0.7 9; AutoContrast 0.9 + Solarize 0.8 3; Equalize 0.8 + Invert 0.1;
        TranslateY 0.7 9 + AutoContrast 0.9;
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 + Invert 0.2; ShearY 0.9 8 + Invert 0.7; Equalize 0.6 + Solarize 0.6 6;
        Invert 0.9 + Equalize 0.6; Equalize 0.6 + Rotate 0.9 3; ShearX 0.9 4 + AutoContrast 0.8;
        ShearY 0.9 8 + Invert 0.4; ShearY 0.9 5 + Solarize 0.2 6; Invert 0.9 + AutoContrast 0.8;
        Equalize 0.6 + Rotate 0.9 3; ShearX 0.9 4 + Solarize 0.3 3; ShearY 0.8 8 + Invert 0.7;
        Equalize 0.9 + TranslateY 0.6 6; Invert 0.9 + Equalize 0.6; Contrast 0.3 3 + Rotate 0.8 4;
        Invert 0.8 + TranslateY 0 2; ShearY 0.7 6 + Solarize 0.4 8; Invert 0.6 + Rotate 0.8 4;
        ShearY 0.3 7 + TranslateX 0.9 3; ShearX 0.1 6 + Invert 0.6; Solarize 0.7 2 + TranslateY 0.6 7;
        ShearY 0.8 4 + Invert 0.8; ShearX 0.7 9 + TranslateY 0.8 3; ShearY 0.8 5 + AutoContrast 0.7;
        ShearX 0.7 2 + Invert 0.1;
    """,
}


def learned(policy):
    """[((name, probability, bin or None), ...), ...] of a policy."""
    if policy not in _TEXTS:
        raise ValueError(f"AutoAugment: policy is {policy!r}; it must be an AutoAugmentPolicy.")
    policies = []
    for text in _TEXTS[policy].split(";"):
        if text.strip():
            steps = (step.split() for step in text.split("+"))
            policies.append(
                tuple((name, float(p), int(bin[0]) if bin else None) for name, p, *bin in steps)
            )
    return policies


def space(bins, shear, across, down, turn, change, lost_bits, most_bits=8, inverts=False):
    """Operation -> (magnitudes of the bins, or None; whether they have a sign).

    across, down: the most pixels moved; posterize goes from most_bits down by lost_bits.
    """
    levels = lambda most: linspace(0.0, most, bins)
    bits = most_bits - (arange(bins) / ((bins - 1) / lost_bits)).round().int()
    return {
        "ShearX": (levels(shear), True),
        "ShearY": (levels(shear), True),
        "TranslateX": (levels(across), True),
        "TranslateY": (levels(down), True),
        "Rotate": (levels(turn), True),
        "Brightness": (levels(change), True),
        "Color": (levels(change), True),
        "Contrast": (levels(change), True),
        "Sharpness": (levels(change), True),
        "Posterize": (bits, False),
        "Solarize": (linspace(1.0, 0.0, bins), False),
        "AutoContrast": (None, False),
        "Equalize": (None, False),
        "Invert" if inverts else "Identity": (None, False),
    }


def apply(F, image, name, magnitude, interpolation, fill, white):
    """One operation of a policy, by the functions of F; white: the brightest value of the image."""
    options = {"interpolation": interpolation, "fill": fill}
    if name == "Identity":
        return image
    if name in _PLAIN:
        return getattr(F, _PLAIN[name])(image)
    if name in _ADJUSTMENTS:
        return getattr(F, _ADJUSTMENTS[name])(image, 1.0 + magnitude)
    if name == "Rotate":
        return F.rotate(image, magnitude, **options)
    if name == "Posterize":
        return F.posterize(image, int(magnitude))
    if name == "Solarize":
        return F.solarize(image, white * magnitude)
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **options}
    axis = "XY".index(name[-1])
    if name.startswith("Shear"):
        still["shear"][axis] = math.degrees(math.atan(magnitude))
        # A shear, as published, leaves the upper left corner where it is.
        still["center"] = [0, 0]
    elif name.startswith("Translate"):
        still["translate"][axis] = int(magnitude)
    else:
        raise ValueError(f"augmentation: there is no operation {name!r}.")
    return F.affine(image, **still)


def chance():
    return float(rand(()))


def below(n):
    return int(randint(n, ()))


def magnitude_of(entry, bin):
    """The magnitude of a bin, with a random sign where it has one."""
    magnitudes, signed = entry
    if magnitudes is None:
        return 0.0
    value = float(magnitudes[bin])
    return -value if signed and below(2) else value


def auto_augment(apply_, size, policies):
    """One policy at random: apply_(name, magnitude) is called for its steps."""
    height, width = size
    table = space(
        10, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 0.9, 4, inverts=True
    )
    for name, p, bin in policies[below(len(policies))]:
        if chance() <= p:
            magnitudes, signed = table[name]
            apply_(name, magnitude_of((magnitudes if bin is not None else None, signed), bin))


def rand_augment(apply_, size, num_ops, magnitude, bins):
    """num_ops operations at random, all of one magnitude."""
    height, width = size
    table = space(bins, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 0.9, 4)
    names = list(table)
    for _ in range(num_ops):
        name = names[below(len(names))]
        apply_(name, magnitude_of(table[name], magnitude))


def trivial_augment(apply_, bins):
    """One operation and one magnitude at random."""
    table = space(bins, 0.99, 32.0, 32.0, 135.0, 0.99, 6)
    names = list(table)
    name = names[below(len(names))]
    apply_(name, magnitude_of(table[name], below(bins)))


_AUGMIX_BINS = 10


def aug_mix(image, apply_, size, severity, mixture_width, chain_depth, alpha, all_ops):
    """(weights, images): the image and mixture_width chains of operations on it, weights from Dirichlet's distribution.

    apply_(image, name, magnitude) gives an image.
    """
    from ...distributions import Dirichlet

    height, width = size
    table = space(_AUGMIX_BINS, 0.3, width / 3.0, height / 3.0, 30.0, 0.9, 4, most_bits=4)
    del table["Identity"]
    names = [name for name in table if all_ops or name not in _ADJUSTMENTS]
    kept, changed = Dirichlet(full([2], alpha)).sample().tolist()
    weights = Dirichlet(full([mixture_width], alpha)).sample().tolist()
    images = [image]
    for _ in range(mixture_width):
        chain = image
        for _ in range(chain_depth if chain_depth > 0 else below(3) + 1):
            name = names[below(len(names))]
            chain = apply_(chain, name, magnitude_of(table[name], below(severity)))
        images.append(chain)
    return [kept, *(changed * w for w in weights)], images


# What the classes of transforms and transforms.v2 share, behind a base that takes (interpolation, fill) and, in its
# forward, asks choose(apply, size) or mix(image, apply, size).


class AutoAugment:
    """One of the 25 policies learned on ImageNet, CIFAR-10 or SVHN, at random."""

    def __init__(
        self,
        policy=AutoAugmentPolicy.IMAGENET,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.policy = policy
        self._policies = learned(policy)

    def choose(self, apply, size):
        auto_augment(apply, size, self._policies)


class RandAugment:
    """num_ops operations at random, all of the magnitude `magnitude` of num_magnitude_bins."""

    def __init__(
        self, num_ops=2, magnitude=9, num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST, fill=None,
    ):  # fmt: skip
        super().__init__(interpolation, fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(
                f"RandAugment: num_ops is {num_ops}; it must be an integer, 0 or more."
            )
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def choose(self, apply, size):
        rand_augment(apply, size, self.num_ops, self.magnitude, self.num_magnitude_bins)


class TrivialAugmentWide:
    """One operation of a random magnitude."""

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def choose(self, apply, size):
        trivial_augment(apply, self.num_magnitude_bins)


class Documented:
    """Classes that derive from a policy and from this have the policy's documentation."""

    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.__doc__ = cls.__doc__ or cls.__bases__[0].__doc__


class AugMix:
    """An image mixed with mixture_width chains of chain_depth operations on it (at most 3, at random, with -1).

    severity: 1 to 10, the most of magnitudes; alpha: of the distribution of weights; all_ops: brightness, contrast,
    colour and sharpness, too.
    """

    def __init__(
        self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
        interpolation=InterpolationMode.BILINEAR, fill=None,
    ):  # fmt: skip
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"AugMix: severity is {severity}; it must lie in 1 to 10.")
        self.severity = severity
        self.mixture_width, self.chain_depth = mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def mix(self, image, apply):
        """The image, a tensor, mixed with what apply(image, name, magnitude) makes of it."""
        options = self.mixture_width, self.chain_depth, self.alpha, self.all_ops
        size = tuple(image.shape[-2:])
        weights, images = aug_mix(image, apply, size, self.severity, *options)
        return sum(weight * one.float() for weight, one in zip(weights, images)).to(image.dtype)
