"""The base of all transforms of samples."""

import enum
import inspect

from .... import Tensor, rand
from ....nn import Module
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .._pil import is_pil
from ..modes import InterpolationMode
from ._utils import check_type
from .functional import _dispatch, is_pure_tensor

# What the first version has, too, and does alike.
_IN_BOTH = frozenset(
    """AugMix AutoAugment CenterCrop ColorJitter ConvertImageDtype ElasticTransform FiveCrop GaussianBlur Grayscale
    LinearTransformation Normalize Pad RandAugment RandomAdjustSharpness RandomAffine RandomApply RandomAutocontrast
    RandomCrop RandomEqualize RandomErasing RandomGrayscale RandomHorizontalFlip RandomInvert RandomPerspective
    RandomPosterize RandomResizedCrop RandomRotation RandomSolarize RandomVerticalFlip Resize TenCrop
    TrivialAugmentWide""".split()
)


class _FirstVersion:
    """The class of the first version, or of it the function `name`; None, or no attribute, where there is none."""

    def __init__(self, name=None):
        self.name = name

    def __get__(self, instance, kind):
        from ... import transforms

        home = Transform.__module__.rpartition(".")[0]
        own = (c.__name__ for c in kind.__mro__ if c.__module__.startswith(home))
        found = next((getattr(transforms, name) for name in own if name in _IN_BOTH), None)
        return found if self.name is None else getattr(found, self.name)


class Transform(Module):
    """Does transform(inpt, params) to all inputs that need it, with params made once for the sample.

    A subclass says transform and, where it has parameters, make_params(flat_inputs); check_inputs(flat_inputs) may
    refuse a sample. _transformed_types: the types, or functions that tell, of what needs it.
    """

    _transformed_types = (Tensor, is_pil)
    _v1_transform_cls = _FirstVersion()
    get_params = _FirstVersion("get_params")

    def _extract_params_for_v1_transform(self):
        """The arguments with which the first version does the same."""
        names = inspect.signature(self._v1_transform_cls.__init__).parameters
        return {name: getattr(self, name) for name in names if name in vars(self)}

    def check_inputs(self, flat_inputs):
        pass

    def make_params(self, flat_inputs):
        return {}

    def transform(self, inpt, params):
        raise NotImplementedError(f"{type(self).__name__}: it does not say what transform does.")

    def _call_kernel(self, functional, inpt, *args, **kwargs):
        """The function of the input, or the input itself where the function does not take such."""
        handler = _dispatch.handler_of(functional, inpt)
        return inpt if handler is None else handler(inpt, *args, **kwargs)

    def forward(self, *inputs):
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        needs = self._needs_transform_list(flat)
        params = self.make_params([inpt for inpt, needed in zip(flat, needs) if needed])
        return tree_unflatten(
            [self.transform(inpt, params) if needed else inpt for inpt, needed in zip(flat, needs)],
            spec,
        )

    def _needs_transform_list(self, flat_inputs):
        """For each input whether it is transformed: of plain tensors the first, where nothing else is an image."""
        taken = any(
            isinstance(i, tv_tensors.Image | tv_tensors.Video) or is_pil(i) for i in flat_inputs
        )
        needs = []
        for inpt in flat_inputs:
            needed = check_type(inpt, self._transformed_types)
            if needed and is_pure_tensor(inpt):
                needed, taken = not taken, True
            needs.append(needed)
        return needs

    def extra_repr(self):
        shown = (bool, int, float, str, list, tuple, enum.Enum)
        own = (
            (name, value)
            for name, value in vars(self).items()
            if not name.startswith("_") and name != "training" and isinstance(value, shown)
        )
        return ", ".join(f"{name}={_shown(value)}" for name, value in own)


def _shown(value):
    return (
        value.value
        if isinstance(value, InterpolationMode | tv_tensors.BoundingBoxFormat)
        else value
    )


class OfKernel(Transform):
    """A transform that is kernel(input, **params, name=self.name for the settings)."""

    _kernel, _settings = None, ()

    def transform(self, inpt, params):
        if self._kernel is None:
            return super().transform(inpt, params)
        settings = {name: self._setting(name, inpt) for name in self._settings}
        return self._call_kernel(self._kernel, inpt, **params, **settings)

    def _setting(self, name, inpt):
        return getattr(self, name)


class RandomApplied(OfKernel):
    """A transform that happens to a sample with probability p."""

    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p is {p}; it must lie in [0, 1].")
        super().__init__()
        self.p = p

    def forward(self, *inputs):
        if float(rand(())) < self.p:
            return super().forward(*inputs)
        flat, _ = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        return inputs if len(inputs) > 1 else inputs[0]


_RandomApplyTransform = RandomApplied
