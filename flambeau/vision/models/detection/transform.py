"""What a detector does to its images before and to its results after: norm, size, one batch."""

import math
import random

from .... import nn, tensor
from ....nn import functional as F
from .image_list import ImageList
from .roi_heads import paste_masks_in_image


def _resized(image, size, scale, mode="nearest"):
    """A batch (N, C, H, W) of another size, given or by a factor."""
    options = {} if mode == "nearest" else {"align_corners": False}
    if size is not None:
        return F.interpolate(image, size=size, mode=mode, **options)
    return F.interpolate(
        image, scale_factor=scale, mode=mode, recompute_scale_factor=True, **options
    )


class GeneralizedRCNNTransform(nn.Module):
    """Normalises images, resizes them with their targets and puts them in a batch; results go back to the first size.

    min_size: of the shorter side, one number or several, of which training takes one at random; max_size: the most of
    the longer. size_divisible: of the batch. fixed_size: (width, height) in their place.
    """

    def __init__(
        self, min_size, max_size, image_mean, image_std, size_divisible=32, fixed_size=None, *,
        _skip_resize=False,
    ):  # fmt: skip
        super().__init__()
        self.min_size = min_size if isinstance(min_size, list | tuple) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = _skip_resize

    def forward(self, images, targets=None):
        images = list(images)
        targets = (
            None if targets is None else [dict(target) for target in targets]
        )  # the caller's stay
        for i, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    f"detection: image {i} is {tuple(image.shape)}; it must be (C, H, W)."
                )
            image, target = self.resize(
                self.normalize(image), targets[i] if targets is not None else None
            )
            images[i] = image
            if target is not None:
                targets[i] = target
        sizes = [tuple(image.shape[-2:]) for image in images]
        return ImageList(self.batch_images(images, self.size_divisible), sizes), targets

    def normalize(self, image):
        if not image.is_floating_point():
            raise TypeError(
                f"detection: an image is {image.dtype}; it must be floating, with values in [0, 1]. ToTensor makes it so."
            )
        mean, std = (
            tensor(v, dtype=image.dtype, device=image.device)[:, None, None]
            for v in (self.image_mean, self.image_std)
        )
        return (image - mean) / std

    def torch_choice(self, k):
        return random.choice(k)

    def resize(self, image, target=None):
        sizes = tuple(image.shape[-2:])
        if self.training and self._skip_resize:
            return image, target
        shorter = float(self.torch_choice(self.min_size) if self.training else self.min_size[-1])
        size = scale = None
        if self.fixed_size is not None:
            size = [self.fixed_size[1], self.fixed_size[0]]
        else:
            scale = min(shorter / min(sizes), self.max_size / max(sizes))
        image = _resized(image[None], size, scale, "bilinear")[0]
        if target is None:
            return image, target
        new = tuple(image.shape[-2:])
        target["boxes"] = resize_boxes(target["boxes"], sizes, new)
        if "masks" in target:
            target["masks"] = _resized(target["masks"][:, None].float(), size, scale)[:, 0].byte()
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], sizes, new)
        return image, target

    def batch_images(self, images, size_divisible=32):
        channels, *sizes = (max(sizes) for sizes in zip(*(image.shape for image in images)))
        sizes = [math.ceil(size / size_divisible) * size_divisible for size in sizes]
        batch = images[0].new_zeros((len(images), channels, *sizes))
        for i, image in enumerate(images):
            batch[i, :, : image.shape[1], : image.shape[2]] = image
        return batch

    def postprocess(self, result, image_shapes, original_image_sizes):
        if self.training:
            return result
        for found, sizes, first in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], sizes, first)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], first)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], sizes, first)
        return result

    def __repr__(self):
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})\n"
            f"    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )


def _factors(like, original_size, new_size):
    """By how much x and y grow."""
    down, across = (new / old for new, old in zip(new_size, original_size))
    return like.new_tensor([across, down])


def resize_keypoints(keypoints, original_size, new_size):
    """Keypoints (..., 3) of x, y, visibility, for an image of another (height, width)."""
    factors = _factors(keypoints, original_size, new_size)
    return keypoints * keypoints.new_tensor([*factors.tolist(), 1.0])


def resize_boxes(boxes, original_size, new_size):
    """Boxes (N, 4) for an image of another (height, width)."""
    return boxes * _factors(boxes, original_size, new_size).repeat(2)
