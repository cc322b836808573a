"""MNIST and the data sets that come in its shape."""

import os
from pathlib import Path

from .download import download
from .idx import read_idx
from .image_dataset import ImageDataset

_PARTS = {True: "train", False: "t10k"}


class MNIST(ImageDataset):
    """70,000 handwritten digits of 28x28 pixels.

    The IDX files, gzipped or not, are looked for in `root`/MNIST/raw (where torchvision puts them),
    in `root` itself, and where Debian's package puts them.

    Args:
        root (path): the folder of data sets, or of these files.
        train (bool): the 60,000 samples to learn from, or the 10,000 to test with.
        transform, target_transform (callable, optional): applied to each image and target.
        download (bool): fetch what is missing into `root`/MNIST/raw, checked by checksum.

    Raises:
        RuntimeError: the files are not there, damaged, or could not be fetched.
    """

    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    # MD5, as published with the data.
    resources = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes = (
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    )
    system_folder = Path("/usr/share/datasets/mnist")
    package = None

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root = Path(os.path.expanduser(root))
        self.train = train
        folder = self._folder(download)
        images = read_idx(_either(folder, f"{_PARTS[bool(train)]}-images-idx3-ubyte"))
        labels = read_idx(_either(folder, f"{_PARTS[bool(train)]}-labels-idx1-ubyte"))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise RuntimeError(
                f"{type(self).__name__}: images {tuple(images.shape)} and labels "
                f"{tuple(labels.shape)} in {folder} do not belong together."
            )
        super().__init__(images, labels.long(), transform, target_transform)

    @property
    def raw_folder(self):
        """Where downloaded files are kept."""
        return self.root / type(self).__name__ / "raw"

    def _folder(self, fetch):
        places = (self.raw_folder, self.root, self.system_folder)
        names = [name.removesuffix(".gz") for name, _ in self.resources]
        for place in places:
            if all(_either(place, name).exists() for name in names):
                return place
        if fetch:
            for name, md5 in self.resources:
                download([mirror + name for mirror in self.mirrors], self.raw_folder / name, md5)
            return self.raw_folder
        advice = "Use download=True to fetch them"
        if self.package:
            advice += f", or install Debian's package {self.package}"
        raise RuntimeError(
            f"Dataset not found: {type(self).__name__} looked for its IDX files in "
            f"{', '.join(map(str, places))}. {advice}."
        )

    def extra_repr(self):
        return f"Root location: {self.root}\nSplit: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pictures of clothes of 28x28 pixels, in MNIST's shape; arguments as MNIST's.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747; MIT licence.
    """

    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    )
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    system_folder = Path("/usr/share/datasets/fashion-mnist")
    package = "dataset-fashion-mnist"


def _either(folder, name):
    """The plain file where there is one, else the gzipped."""
    plain = Path(folder) / name
    return plain if plain.exists() else plain.with_name(name + ".gz")
