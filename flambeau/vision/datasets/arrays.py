"""Data sets of small images that are read into one array: CIFAR, SVHN, STL10, USPS.

An image is one of Pillow for programs of torchvision, else a uint8 tensor (C, H, W), of which batches are made at
once; as_pil says otherwise.
"""

import bz2
import os
import pickle
from pathlib import Path

from ... import Tensor, as_tensor, from_numpy
from .image_dataset import takes_batches, wants_pil
from .utils import check_integrity, download_and_extract_archive, download_url
from .vision import VisionDataset, absent, as_pil, one_of

__all__ = ["CIFAR10", "CIFAR100", "STL10", "SVHN", "USPS"]


class ArrayDataset(VisionDataset):
    """data (N, H, W, C), (N, C, H, W) where channels_first, or (N, H, W); labels, one a sample."""

    channels_first = False
    as_pil = None

    def _labels(self):
        return self.targets

    def _image(self, index):
        array = self.data[index]
        if wants_pil(self):
            return as_pil(array.transpose(1, 2, 0) if self.channels_first else array)
        return self._tensors(array)

    def _tensors(self, arrays):
        """Arrays of one image or several as tensors (..., C, H, W)."""
        import numpy

        if self.data.ndim == 3:
            arrays = arrays[..., None, :, :]
        elif not self.channels_first:
            arrays = numpy.moveaxis(arrays, -1, -3)
        return from_numpy(numpy.ascontiguousarray(arrays))

    def __getitem__(self, index):
        return self._sample(self._image(index), int(self._labels()[index]))

    def __getbatch__(self, indices):
        if self.target_transform is not None or not takes_batches(self):
            return NotImplemented
        indices = as_tensor(indices).numpy()
        images = self._tensors(self.data[indices])
        images = images if self.transform is None else self.transform(images)
        return [images, as_tensor(self._labels())[as_tensor(indices)]]

    def __len__(self):
        return len(self.data)


def _meta(filename, key, md5):
    """Where the names of the classes stand."""
    return {"filename": filename, "key": key, "md5": md5}


class CIFAR10(ArrayDataset):
    """60,000 pictures of 32 x 32 pixels in 10 classes. data: (N, 32, 32, 3), targets: a list.

    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

    Args:
        root (path): the folder that has, or gets, cifar-10-batches-py.
        train (bool): the 50,000 to learn from, or the 10,000 to test with.
        transform, target_transform (callable, optional): applied to each image and target.
        download (bool): fetch what is missing, checked by checksum.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = (
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    )
    test_list = (("test_batch", "40351d587109b95175f43aff81a1287e"),)
    meta = _meta("batches.meta", "label_names", "5ff9c542aee3614f3951f8cda6e48888")
    _labels_key = "labels"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        import numpy

        self.train = train
        folder = Path(self.root, self.base_folder)
        if download and not self._check_integrity():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )
        files = self.train_list if train else self.test_list
        if not all((folder / name).exists() for name, _ in (*files, (self.meta["filename"], None))):
            raise absent(self, folder)
        data, self.targets = [], []
        for name, _ in files:
            entry = _unpickled(folder / name)
            data.append(numpy.asarray(entry["data"]))
            self.targets += [int(label) for label in entry[self._labels_key]]
        planes = numpy.concatenate(data).reshape(-1, 3, 32, 32)
        self.data = numpy.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        self.classes = list(_unpickled(folder / self.meta["filename"])[self.meta["key"]])
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _check_integrity(self):
        folder = os.path.join(self.root, self.base_folder)
        return all(
            check_integrity(os.path.join(folder, name), md5)
            for name, md5 in (*self.train_list, *self.test_list)
        )

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class _Plain(pickle.Unpickler):
    """Reads what these files hold, arrays and lists, and nothing that runs."""

    _ALLOWED = {("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module, name):
        if name == "Tensor" and module.partition(".")[0] in ("torch", "flambeau"):
            return Tensor
        if (module.partition(".")[2], name) == ("serialization.rebuild", "rebuild_tensor"):
            from ...serialization.rebuild import rebuild_tensor

            return rebuild_tensor
        if (module, name) in self._ALLOWED or (
            module in ("numpy.core.multiarray", "numpy._core.multiarray")
            and name in ("_reconstruct", "scalar")
        ):
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise RuntimeError(
            f"CIFAR: the file names {module}.{name}, which is none of its own; it is not read."
        )


def _unpickled(path):
    with open(path, "rb") as file:
        return _Plain(file, encoding="latin1").load()


class CIFAR100(CIFAR10):
    """60,000 pictures of 32 x 32 pixels in 100 classes; arguments as CIFAR10's."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = (("train", "16019d7e3df5f24257cddd939b257f8d"),)
    test_list = (("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),)
    meta = _meta("meta", "fine_label_names", "7973b15100ade9c7d40fb424638fde48")
    _labels_key = "fine_labels"


class SVHN(ArrayDataset):
    """House numbers of 32 x 32 pixels, digits 0 to 9; split "train", "test" or "extra". Needs SciPy.

    data: (N, 3, 32, 32), labels: an array. Source: Netzer et al., "Reading Digits in Natural Images", 2011.
    """

    channels_first = True
    split_list = {
        "train": (
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
            "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ),
        "test": (
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
            "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ),
        "extra": (
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
            "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = one_of("SVHN", "split", split, tuple(self.split_list))
        url, name, md5 = self.split_list[split]
        path = Path(self.root, name)
        if download:
            download_url(url, self.root, name, md5)
        if not path.exists():
            raise absent(self, self.root)
        try:
            from scipy.io import loadmat
        except ImportError:
            raise ImportError(
                "vision.datasets.SVHN needs SciPy to read its files, which is not installed. Run: pip install scipy."
            ) from None
        content = loadmat(path)
        self.data = content["X"].transpose(3, 2, 0, 1)
        self.labels = content["y"].astype("int64").reshape(-1) % 10  # the files say 10 for a 0

    def _labels(self):
        return self.labels

    def extra_repr(self):
        return f"Split: {self.split}"


class STL10(ArrayDataset):
    """Pictures of 96 x 96 pixels in 10 classes; split "train", "test", "unlabeled" or "train+unlabeled".

    folds: one of the ten published parts of "train". data: (N, 3, 96, 96), labels: an array, -1 without one.
    Source: Coates, Lee, Ng, AISTATS 2011.
    """

    channels_first = True
    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self, root, split="train", folds=None, transform=None, target_transform=None, download=False
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        import numpy

        self.split = one_of("STL10", "split", split, self.splits)
        if folds is not None and folds not in range(10):
            raise ValueError(f"STL10: folds is {folds!r}; it must be 0 to 9, or None.")
        self.folds = folds
        folder = Path(self.root, self.base_folder)
        if download and not folder.exists():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )
        if not folder.exists():
            raise absent(self, folder)
        data, labels = zip(*(self._read(folder, part) for part in split.split("+")))
        self.data, self.labels = numpy.concatenate(data), numpy.concatenate(labels)
        if folds is not None:
            lines = (folder / "fold_indices.txt").read_text().splitlines()
            chosen = numpy.array(lines[folds].split(), dtype="int64")
            self.data, self.labels = self.data[chosen], self.labels[chosen]
        names = folder / "class_names.txt"
        self.classes = names.read_text().split() if names.exists() else []

    def _read(self, folder, part):
        import numpy

        images = numpy.fromfile(folder / f"{part}_X.bin", dtype="uint8").reshape(-1, 3, 96, 96)
        labels = folder / f"{part}_y.bin"
        if not labels.exists():
            return images.transpose(0, 1, 3, 2), numpy.full(len(images), -1)
        # Images lie column by column; classes count from 1.
        return images.transpose(0, 1, 3, 2), numpy.fromfile(labels, dtype="uint8").astype(
            "int64"
        ) - 1

    def _labels(self):
        return self.labels

    def extra_repr(self):
        return f"Split: {self.split}"


class USPS(ArrayDataset):
    """9,298 digits of 16 x 16 pixels from letters, in LIBSVM's format. data: (N, 16, 16), targets: a list.

    Source: Hull, IEEE PAMI 16 (1994) 550.
    """

    split_list = {
        "train": (
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
            "usps.bz2",
            "ec16c51db3855ca6c91edd34d0e9b197",
        ),
        "test": (
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",
            "usps.t.bz2",
            "8ea070ee2aca1ac39742fdd1ef5ed118",
        ),
    }

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        import numpy

        url, name, md5 = self.split_list["train" if train else "test"]
        path = Path(self.root, name)
        if download:
            download_url(url, self.root, name, md5)
        if not path.exists():
            raise absent(self, self.root)
        with bz2.open(path, "rt") as file:
            rows = [line.split() for line in file]
        values = [[float(field.partition(":")[2]) for field in row[1:]] for row in rows]
        grey = (numpy.asarray(values).reshape(-1, 16, 16) + 1) / 2 * 255
        self.data = grey.astype("uint8")
        self.targets = [int(row[0]) - 1 for row in rows]
