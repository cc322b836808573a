"""Parts erased, images of a batch mixed, compression."""

import math

from .... import Tensor, _core, empty, rand, randint, tensor
from ....distributions import Beta
from ....nn.functional import one_hot
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .._checks import check_erasing
from .._pil import is_pil
from ..geometry import random_rectangle
from . import functional as F
from ._transform import RandomApplied, Transform
from ._utils import has_any, query_chw, query_size
from ._utils import labels_getter as getter


class RandomErasing(RandomApplied):
    """A random rectangle of images and videos takes `value` with probability p: see transforms.RandomErasing."""

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        super().__init__(p)
        check_erasing(scale, ratio, value)
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    def make_params(self, flat_inputs):
        channels, height, width = query_chw(flat_inputs)
        found = random_rectangle(height, width, self.scale, self.ratio)
        if found is None:
            return dict.fromkeys("ijhwv")
        i, j, h, w = found
        if isinstance(self.value, str):
            return {"i": i, "j": j, "h": h, "w": w, "v": empty([channels, h, w]).normal_()}
        value = [self.value] if isinstance(self.value, int | float) else list(self.value)
        if len(value) not in (1, channels):
            raise ValueError(
                f"RandomErasing: value has {len(value)} numbers; it must have one, or one for each of the {channels} "
                "channels."
            )
        return {"i": i, "j": j, "h": h, "w": w, "v": tensor(value)[:, None, None]}

    def transform(self, inpt, params):
        if isinstance(inpt, tv_tensors.BoundingBoxes | tv_tensors.Mask | tv_tensors.KeyPoints):
            _core._warn(
                f"RandomErasing: erases images and videos alone; {type(inpt).__name__} stay as they are."
            )
            return inpt
        if params["v"] is None:
            return inpt
        return self._call_kernel(F.erase, inpt, **params, inplace=self.inplace)


class _BaseMixUpCutMix(Transform):
    """Mixes each image of a batch with its neighbour, and their labels."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        if not alpha > 0:
            raise ValueError(f"{type(self).__name__}: alpha is {alpha}; it must be above 0.")
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self.labels_getter = labels_getter
        self._labels_getter = getter(type(self).__name__, labels_getter)

    def _share(self):
        return float(Beta(tensor(self.alpha), tensor(self.alpha)).sample())

    def forward(self, *inputs):
        name = type(self).__name__
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        needs = self._needs_transform_list(flat)
        if has_any(flat, is_pil, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            raise ValueError(
                f"{name}: takes batches of images or videos and their labels, nothing else."
            )
        labels = self._labels_getter(inputs)
        if not isinstance(labels, Tensor):
            raise ValueError(f"{name}: labels are {type(labels).__name__}; they must be a tensor.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                f"{name}: labels are {labels.dtype} {tuple(labels.shape)}; they must be (N,), or shares of classes (N, C)."
            )
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[1]):
            raise ValueError(
                f"{name}: labels are {tuple(labels.shape)}; of {self.num_classes} classes they must be (N, {self.num_classes})."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError(f"{name}: for labels (N,) it needs num_classes=.")
        needs = [needed and inpt is not labels for inpt, needed in zip(flat, needs)]
        for inpt, needed in zip(flat, needs):
            least = 5 if isinstance(inpt, tv_tensors.Video) else 4
            if needed and (inpt.ndim != least or len(inpt) != len(labels)):
                raise ValueError(
                    f"{name}: an input is {tuple(inpt.shape)}; it must be a batch of {len(labels)}, as labels are."
                )
        params = self.make_params([inpt for inpt, needed in zip(flat, needs) if needed])
        for i, inpt in enumerate(flat):
            if inpt is labels:
                flat[i] = self._mixed_labels(labels, params["labels_share"])
            elif needs[i]:
                mixed = self._mixed(inpt.as_subclass(Tensor), params)
                flat[i] = (
                    tv_tensors.wrap(mixed, like=inpt)
                    if isinstance(inpt, tv_tensors.TVTensor)
                    else mixed
                )
        return tree_unflatten(flat, spec)

    def _mixed_labels(self, labels, share):
        if labels.ndim == 1:
            labels = one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return labels.roll(1, 0) * (1.0 - share) + labels * share


class MixUp(_BaseMixUpCutMix):
    """Each image and its label mixed with the neighbour's, shares from Beta(alpha, alpha).

    Images (N, C, H, W), labels (N,), which become (N, num_classes). Source: Zhang et al., 2018, arXiv:1710.09412.
    """

    def make_params(self, flat_inputs):
        share = self._share()
        return {"share": share, "labels_share": share}

    def _mixed(self, batch, params):
        if not batch.is_floating_point():
            raise ValueError(
                f"MixUp: images are {batch.dtype}; they must be floating. ToDtype makes them so."
            )
        share = params["share"]
        return batch.roll(1, 0) * (1.0 - share) + batch * share


class CutMix(_BaseMixUpCutMix):
    """A rectangle of each image comes from its neighbour, and its share of the label.

    Images (N, C, H, W), labels (N,), which become (N, num_classes). Source: Yun et al., 2019, arXiv:1905.04899.
    """

    def make_params(self, flat_inputs):
        share = self._share()
        height, width = query_size(flat_inputs)
        x, y = int(randint(width, ())), int(randint(height, ()))
        half = 0.5 * math.sqrt(1.0 - share)
        left, right = (max(min(int(x + s * half * width), width), 0) for s in (-1, 1))
        top, bottom = (max(min(int(y + s * half * height), height), 0) for s in (-1, 1))
        kept = 1.0 - (right - left) * (bottom - top) / (width * height)
        return {"box": (top, bottom, left, right), "labels_share": kept}

    def _mixed(self, batch, params):
        top, bottom, left, right = params["box"]
        out = batch.clone()
        out[..., top:bottom, left:right] = batch.roll(1, 0)[..., top:bottom, left:right]
        return out


class JPEG(Transform):
    """What JPEG makes of an image, at a quality of 1 to 100: one number, or (low, high) at random."""

    def __init__(self, quality):
        super().__init__()
        if isinstance(quality, bool) or not isinstance(quality, int | list | tuple):
            raise TypeError(
                f"JPEG: quality is {quality!r}; it must be a number of 1 to 100, or two in order."
            )
        quality = [quality, quality] if isinstance(quality, int) else list(quality)
        if (
            len(quality) != 2
            or not all(isinstance(q, int) for q in quality)
            or not (1 <= quality[0] <= quality[1] <= 100)
        ):
            raise ValueError(
                f"JPEG: quality is {quality}; it must be a number of 1 to 100, or two in order."
            )
        self.quality = quality

    def make_params(self, flat_inputs):
        low, high = self.quality
        return {"quality": low + int(rand(()) * (high - low + 1))}

    def transform(self, inpt, params):
        return self._call_kernel(F.jpeg, inpt, **params)
