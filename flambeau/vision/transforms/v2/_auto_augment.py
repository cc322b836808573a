"""Augmentation policies, on the one image or video of a sample; see ../_policies.py."""

from .... import Tensor
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import _policies
from .._image_color import bound
from .._pil import is_pil
from ..modes import check_mode
from . import functional as F
from ._transform import Transform
from ._utils import fill_for, fills


class _AutoAugmentBase(_policies.Documented, Transform):
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

    def _apply_image_or_video_transform(self, image, transform_id, magnitude, interpolation, fill):
        white = bound(image) if isinstance(image, Tensor) else 255
        fill = fill_for(fill, image)
        return _policies.apply(F, image, transform_id, magnitude, interpolation, fill, white)

    def _apply(self, image, name, magnitude):
        return self._apply_image_or_video_transform(
            image, name, magnitude, self.interpolation, self._fill
        )

    def forward(self, *inputs):
        flat, spec, place = self._image(inputs)

        def apply(name, magnitude):
            flat[place] = self._apply(flat[place], name, magnitude)

        self.choose(apply, F.get_size(flat[place]))
        return tree_unflatten(flat, spec)


class AutoAugment(_policies.AutoAugment, _AutoAugmentBase):
    pass


class RandAugment(_policies.RandAugment, _AutoAugmentBase):
    pass


class TrivialAugmentWide(_policies.TrivialAugmentWide, _AutoAugmentBase):
    pass


class AugMix(_policies.AugMix, _AutoAugmentBase):
    def forward(self, *inputs):
        flat, spec, place = self._image(inputs)
        given = flat[place]
        image = F.pil_to_tensor(given) if is_pil(given) else given.as_subclass(Tensor)
        mixed = self.mix(image, self._apply)
        if is_pil(given):
            mixed = F.to_pil_image(mixed, mode=given.mode)
        elif isinstance(given, tv_tensors.TVTensor):
            mixed = tv_tensors.wrap(mixed, like=given)
        flat[place] = mixed
        return tree_unflatten(flat, spec)
