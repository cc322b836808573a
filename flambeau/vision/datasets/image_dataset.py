"""ImageDataset, what all data sets of images in memory have in common."""

import flambeau

from ..transforms._conversions import to_pil_image
from .vision import VisionDataset


def asked_as_torchvision():
    """Whether this package is a program's torchvision, whose images are Pillow's."""
    return __name__.startswith("torchvision")


class ImageDataset(VisionDataset):
    """Images in one tensor: sample i is (transform(image i), target_transform(target i)).

    An image is a uint8 tensor (C, H, W), not a PIL image: nothing but flambeau is needed, and a
    batch can be made at once (every transform that treats each image alike is given the batch).
    Where a program imports torchvision it is a PIL image; as_pil says otherwise.

    Attributes:
        data (Tensor): uint8, (N, H, W) or (N, C, H, W).
        targets (Tensor): int64, (N,).
        classes (list of str): the name of each target.
    """

    classes = []
    as_pil = None  # True or False: whether images are PIL's; None: only for programs of torchvision

    def __init__(self, data, targets, transform=None, target_transform=None):
        self.data = data
        self.targets = targets
        super().__init__(
            getattr(self, "root", None), transform=transform, target_transform=target_transform
        )

    @property
    def class_to_idx(self):
        """From the name of a class to its number."""
        return {name: i for i, name in enumerate(self.classes)}

    def _images(self, index):
        images = self.data[index]
        return images.unsqueeze(-3) if self.data.ndim == 3 else images

    def _target(self, index):
        return int(self.targets[index])

    def _target_batch(self, indices):
        return self.targets[indices]

    def __getitem__(self, index):
        image, target = self._images(index), self._target(index)
        if wants_pil(self):
            image = to_pil_image(image)
        return self._transformed(image, target)

    def __getbatch__(self, indices):
        if self.target_transform is not None or not takes_batches(self):
            return NotImplemented
        indices = flambeau.as_tensor(indices)
        images = self._images(indices)
        if self.transform is not None:
            images = self.transform(images)
        return [images, self._target_batch(indices)]

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        lines += [f"    {line}" for line in self.extra_repr().splitlines()]
        if self.transform is not None:
            lines.append(f"    Transform: {self.transform!r}")
        return "\n".join(lines)

    def extra_repr(self):
        """What repr() shows beside the size and the transform."""
        return ""


def wants_pil(dataset):
    """Whether a data set gives images of Pillow."""
    return asked_as_torchvision() if dataset.as_pil is None else dataset.as_pil


def takes_batches(dataset):
    """Whether all images of a batch may be made at once."""
    transform = dataset.transform
    return not wants_pil(dataset) and (
        transform is None or getattr(transform, "takes_batches", False)
    )
