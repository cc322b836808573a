"""Augmentation policies, on the one image or video of a sample; see ../_policies.py."""

from .... import Tensor
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import _policies
from .._image_color import bound
from .._pil import is_pil
from .._policies import AutoAugmentPolicy
from ..modes import InterpolationMode, check_mode
from . import functional as F
from ._transform import Transform
from ._utils import fill_for, fills


class _AutoAugmentBase(Transform):
    """Finds the image, and does one operation to it."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = check_mode(type(self).__name__, interpolation)
        self.fill = fill
        self._fill = fills(type(self).__name__, fill)

    def _image(self, inputs):
        """(flat inputs, their structure, the place of the image)."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        needs = self._needs_transform_list(flat)
        unsuited = tv_tensors.BoundingBoxes | tv_tensors.Mask | tv_tensors.KeyPoints
        for inpt in flat:
            if isinstance(inpt, unsuited):
                raise TypeError(
                    f"{type(self).__name__}: the sample has {type(inpt).__name__}; policies are for images without them."
                )
        places = [i for i, needed in enumerate(needs) if needed]
        if len(places) != 1:
            raise TypeError(
                f"{type(self).__name__}: the sample has {len(places)} images or videos; it must have one."
            )
        return flat, spec, places[0]

    def _apply(self, image, name, magnitude):
        white = bound(image) if isinstance(image, Tensor) else 255
        fill = fill_for(self._fill, image)
        return _policies.apply(F, image, name, magnitude, self.interpolation, fill, white)

    def forward(self, *inputs):
        flat, spec, place = self._image(inputs)

        def apply(name, magnitude):
            flat[place] = self._apply(flat[place], name, magnitude)

        self._choose(apply, F.get_size(flat[place]))
        return tree_unflatten(flat, spec)


class AutoAugment(_AutoAugmentBase):
    """One of the 25 policies learned on ImageNet, CIFAR-10 or SVHN, at random."""

    def __init__(
        self,
        policy=AutoAugmentPolicy.IMAGENET,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.policy = policy
        self._policies = _policies.learned(policy)

    def _choose(self, apply, size):
        _policies.auto_augment(apply, size, self._policies)


class RandAugment(_AutoAugmentBase):
    """num_ops operations at random, all of the magnitude `magnitude` of num_magnitude_bins."""

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def _choose(self, apply, size):
        _policies.rand_augment(apply, size, self.num_ops, self.magnitude, self.num_magnitude_bins)


class TrivialAugmentWide(_AutoAugmentBase):
    """One operation of a random magnitude."""

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _choose(self, apply, size):
        _policies.trivial_augment(apply, self.num_magnitude_bins)


class AugMix(_AutoAugmentBase):
    """An image mixed with chains of operations on it: see transforms.AugMix."""

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=InterpolationMode.BILINEAR,
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

    def forward(self, *inputs):
        flat, spec, place = self._image(inputs)
        given = flat[place]
        image = F.pil_to_tensor(given) if is_pil(given) else given.as_subclass(Tensor)
        weights, images = _policies.aug_mix(
            image,
            self._apply,
            F.get_size(image),
            self.severity,
            self.mixture_width,
            self.chain_depth,
            self.alpha,
            self.all_ops,
        )
        mixed = sum(weight * one.float() for weight, one in zip(weights, images)).to(image.dtype)
        if is_pil(given):
            mixed = F.to_pil_image(mixed, mode=given.mode)
        elif isinstance(given, tv_tensors.TVTensor):
            mixed = tv_tensors.wrap(mixed, like=given)
        flat[place] = mixed
        return tree_unflatten(flat, spec)
