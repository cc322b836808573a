"""MNIST and the data sets that come in its shape."""

import os
from pathlib import Path

from .download import download
from .idx import read_idx
from .image_dataset import ImageDataset

_PARTS = {True: "train", False: "t10k"}
_CONTENTS = ("images-idx3", "labels-idx1")


def _files(*checksums):
    """((name, MD5 as published with the data), ...): what there is of each part."""
    names = [f"{part}-{each}-ubyte.gz" for part in _PARTS.values() for each in _CONTENTS]
    return tuple(zip(names, checksums, strict=True))


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
    resources = _files(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )
    classes = [
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    ]
    system_folder = Path("/usr/share/datasets/mnist")
    package = None
    _ndim = 1  # of labels

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root = Path(os.path.expanduser(root))
        self.train = train
        folder = self._folder(download)
        images = read_idx(_either(folder, self._name("images-idx3")))
        labels = read_idx(_either(folder, self._name("labels-idx1")))
        if images.ndim != 3 or labels.ndim != self._ndim or len(images) != len(labels):
            raise RuntimeError(
                f"{type(self).__name__}: images {tuple(images.shape)} and labels "
                f"{tuple(labels.shape)} in {folder} do not belong together."
            )
        super().__init__(images, labels.long(), transform, target_transform)

    def _name(self, kind):
        """The file of this part's images or labels."""
        return f"{_PARTS[bool(self.train)]}-{kind}-ubyte"

    @property
    def raw_folder(self):
        """Where downloaded files are kept."""
        return self.root / type(self).__name__ / "raw"

    def _folder(self, fetch):
        places = (self.raw_folder, self.root, self.system_folder)
        names = [self._name(kind) for kind in ("images-idx3", "labels-idx1")]
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
    resources = _files(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
    classes = [
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ]
    system_folder = Path("/usr/share/datasets/fashion-mnist")
    package = "dataset-fashion-mnist"


class KMNIST(MNIST):
    """70,000 cursive Japanese characters of 28x28 pixels, in MNIST's shape; arguments as MNIST's.

    Source: Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018, arXiv:1812.01718; CC BY-SA 4.0.
    """

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = _files(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    )
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
    system_folder = Path("/usr/share/datasets/kmnist")


_LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MERGED = frozenset("cijklmopsuvwxyz")  # small letters that look like the capital ones
_DIGITS_AND_LETTERS = tuple("0123456789") + _LETTERS + tuple("abcdefghijklmnopqrstuvwxyz")


class EMNIST(MNIST):
    """Handwritten digits and letters of 28x28 pixels.

    split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist". Images lie on their side, as published.
    Source: Cohen et al., "EMNIST", 2017, arXiv:1702.05373.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    system_folder = Path("/usr/share/datasets/emnist")
    _merged = sorted(set(_DIGITS_AND_LETTERS) - _MERGED)
    classes_split_dict = {
        "byclass": sorted(_DIGITS_AND_LETTERS),
        "bymerge": _merged,
        "balanced": _merged[:],
        "letters": ["N/A", *(letter.lower() for letter in _LETTERS)],
        "digits": list("0123456789"),
        "mnist": list("0123456789"),
    }

    def __init__(
        self, root, split, train=True, transform=None, target_transform=None, download=False
    ):
        if split not in self.splits:
            raise ValueError(
                f"EMNIST: split is {split!r}; it must be one of {', '.join(self.splits)}."
            )
        self.split = split
        self.classes = self.classes_split_dict[split]
        self.part = f"emnist-{split}-{'train' if train else 'test'}"
        self.resources = tuple(
            (f"{self.part}-{kind}-ubyte.gz", None) for kind in ("images-idx3", "labels-idx1")
        )
        super().__init__(root, train, transform, target_transform, download)

    def _folder(self, fetch):
        from .utils import download_and_extract_archive

        inner = self.raw_folder / "gzip"
        if fetch and not inner.is_dir():
            download_and_extract_archive(
                self.url, self.raw_folder, filename="gzip.zip", md5=self.md5
            )
        if all(_either(inner, name.removesuffix(".gz")).exists() for name, _ in self.resources):
            return inner
        return super()._folder(False)

    def _name(self, kind):
        return f"{self.part}-{kind}-ubyte"


class QMNIST(MNIST):
    """MNIST with its whole 60,000 test digits and what is known of each; what "train", "test", "test10k", "test50k" or "nist".

    what: by default "train" or "test", as `train` says. compat: targets are the digits alone; else int64 (8,): the
    digit, the hand's series, the writer, the number in the writer's digits, NIST's class and place, and two zeros.
    Source: Yadav, Bottou, "Cold case", 2019, arXiv:1905.10498.
    """

    mirrors = ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",)
    subsets = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    _ndim = 2
    _files = {
        "train": (
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ),
        "test": (
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ),
        "nist": (
            ("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ),
    }
    _parts = {"test10k": slice(10_000), "test50k": slice(10_000, None)}
    system_folder = Path("/usr/share/datasets/qmnist")

    def __init__(self, root, what=None, compat=True, train=True, **kwargs):
        self.what = what or ("train" if train else "test")
        if self.what not in self.subsets:
            raise ValueError(
                f"QMNIST: what is {what!r}; it must be one of {', '.join(map(repr, self.subsets))}."
            )
        self.compat = compat
        self.resources = self._files[self.subsets[self.what]]
        super().__init__(root, train, **kwargs)
        part = self._parts.get(self.what, slice(None))
        self.data, self.targets = self.data[part], self.targets[part]

    def _name(self, kind):
        images, labels = (name.rpartition(".")[0] for name, _ in self.resources)
        return images if kind.startswith("images") else labels

    def _target(self, index):
        return int(self.targets[index][0]) if self.compat else self.targets[index]

    def _target_batch(self, indices):
        return self.targets[indices, 0] if self.compat else self.targets[indices]

    def extra_repr(self):
        return f"Root location: {self.root}\nSplit: {self.what}"


def _either(folder, name):
    """The plain file where there is one, else the compressed."""
    plain = Path(folder) / name
    packed = [plain.with_name(name + suffix) for suffix in (".gz", ".xz")]
    return next((path for path in (plain, *packed) if path.exists()), packed[0])
