"""Random images, for programs that are tried out or timed."""

import flambeau

from ..transforms._conversions import to_pil_image
from .image_dataset import wants_pil
from .vision import VisionDataset


class FakeData(VisionDataset):
    """Random images with random targets; sample i is the same each time.

    Args:
        size (int): how many.
        image_size (tuple of int): (C, H, W) of an image.
        num_classes (int): targets are 0 to num_classes - 1.
        transform, target_transform (callable, optional): applied to each image, a uint8 tensor, and each target.
        random_offset (int): other images.
    """

    as_pil = None

    def __init__(self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None,
                 target_transform=None, random_offset=0):  # fmt: skip
        self.size, self.image_size, self.num_classes = size, tuple(image_size), num_classes
        super().__init__(transform=transform, target_transform=target_transform)
        self.random_offset = random_offset

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: index {index} is not one of 0 to {self.size - 1}.")
        generator = flambeau.Generator().manual_seed(index + self.random_offset)
        image = flambeau.randint(0, 256, self.image_size, generator=generator, dtype=flambeau.uint8)
        target = flambeau.randint(0, self.num_classes, (), generator=generator).item()
        if wants_pil(self):
            image = to_pil_image(image)
        return self._sample(image, target)

    def __len__(self):
        return self.size
