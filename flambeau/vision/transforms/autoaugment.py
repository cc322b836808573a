"""Augmentation policies on images of Pillow and tensors; see _policies.py."""

from ... import Tensor
from ...nn import Module
from . import _policies
from . import functional as F
from ._conversions import pil_to_tensor, to_pil_image
from ._image_color import bound
from ._policies import AutoAugmentPolicy

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


def _apply_op(img, op_name, magnitude, interpolation, fill):
    """One operation of the policies, by its name."""
    white = bound(img) if isinstance(img, Tensor) else 255
    return _policies.apply(F, img, op_name, magnitude, interpolation, fill, white)


class _Policy(_policies.Documented, Module):
    """What policies share: one operation, and how it is shown."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def apply(self, img, name, magnitude):
        return _apply_op(img, name, magnitude, self.interpolation, self.fill)

    def forward(self, img):
        seen = [img]

        def apply(name, magnitude):
            seen[0] = self.apply(seen[0], name, magnitude)

        _, height, width = F.get_dimensions(img)
        self.choose(apply, (height, width))
        return seen[0]

    def __repr__(self):
        own = ((k, v) for k, v in vars(self).items() if k[0] != "_" and k != "training")
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in own)})"


class AutoAugment(_policies.AutoAugment, _Policy):
    @property
    def policies(self):
        return self._policies


class RandAugment(_policies.RandAugment, _Policy):
    pass


class TrivialAugmentWide(_policies.TrivialAugmentWide, _Policy):
    pass


class AugMix(_policies.AugMix, _Policy):
    def forward(self, img):
        mixed = self.mix(img if isinstance(img, Tensor) else pil_to_tensor(img), self.apply)
        return mixed if isinstance(img, Tensor) else to_pil_image(mixed, mode=img.mode)
