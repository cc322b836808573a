"""ImageDataset, what all data sets of images in memory have in common."""

import flambeau
from flambeau.utils.data import Dataset


class ImageDataset(Dataset):
    """Images in one tensor: sample i is (transform(image i), target_transform(target i)).

    An image is a uint8 tensor (C, H, W), not a PIL image: nothing but flambeau is needed, and a
    batch can be made at once (every transform that treats each image alike is given the batch).

    Attributes:
        data (Tensor): uint8, (N, H, W) or (N, C, H, W).
        targets (Tensor): int64, (N,).
        classes (list of str): the name of each target.
    """

    classes = ()

    def __init__(self, data, targets, transform=None, target_transform=None):
        self.data = data
        self.targets = targets
        self.transform = transform
        self.target_transform = target_transform

    @property
    def class_to_idx(self):
        """From the name of a class to its number."""
        return {name: i for i, name in enumerate(self.classes)}

    def _images(self, index):
        images = self.data[index]
        return images.unsqueeze(-3) if self.data.ndim == 3 else images

    def __getitem__(self, index):
        image, target = self._images(index), int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __getbatch__(self, indices):
        if self.target_transform is not None or not _takes_batches(self.transform):
            return NotImplemented
        indices = flambeau.as_tensor(indices)
        images = self._images(indices)
        if self.transform is not None:
            images = self.transform(images)
        return [images, self.targets[indices]]

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


def _takes_batches(transform):
    return transform is None or getattr(transform, "takes_batches", False)
