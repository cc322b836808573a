"""The bundled handwritten digits."""

import gzip
from pathlib import Path

import flambeau

from .image_dataset import ImageDataset

_FILE = Path(__file__).parent / "bundled" / "digits.csv.gz"

# Every fifth sample is held out. The file mixes its writers, so both parts have all of them.
_HELD_OUT = 5


class Digits(ImageDataset):
    """1,797 handwritten digits of 8x8 pixels, which come with the package.

    Source: UCI "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998), as
    carried by scikit-learn; licence CC BY 4.0.

    Args:
        train (bool, optional): True for 1,438 samples, False for the 359 others, None for all.
        transform, target_transform (callable, optional): applied to each image and target.

    The values 0 to 16 of the file are spread over 0 to 255, as in other images.
    """

    classes = list("0123456789")

    def __init__(self, train=True, transform=None, target_transform=None):
        rows = _read()
        held_out = flambeau.arange(len(rows)) % _HELD_OUT == _HELD_OUT - 1
        if train is not None:
            rows = rows[~held_out] if train else rows[held_out]
        images = (rows[:, :64] * 255 + 8) // 16
        super().__init__(
            images.to(flambeau.uint8).view(-1, 8, 8),
            rows[:, 64].contiguous(),
            transform,
            target_transform,
        )
        self.train = train

    def extra_repr(self):
        return "Split: " + {True: "Train", False: "Test", None: "All"}[self.train]


def _read():
    with gzip.open(_FILE, "rt") as file:
        return flambeau.tensor([[int(field) for field in line.split(",")] for line in file])
