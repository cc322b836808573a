"""Data sets of faces: LFW, WIDER FACE, FER2013. CelebA stands in classified.py."""

import csv
import os
from pathlib import Path

from .folder import default_loader
from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_file_from_google_drive,
    extract_archive,
)
from .vision import VisionDataset, absent, as_pil, one_of, pil_image

__all__ = ["FER2013", "LFWPairs", "LFWPeople", "WIDERFace"]


class _LFW(VisionDataset):
    """Labelled Faces in the Wild: split "10fold", "train" or "test"; image_set "original", "funneled" or "deepfunneled".

    Its server is gone, so download is not offered. Source: Huang et al., technical report 07-49, Amherst 2007.
    """

    base_folder = "lfw-py"
    file_dict = {
        "original": ("lfw", "lfw.tgz", "a17d05bd522c52d84eca14327a23d494"),
        "funneled": ("lfw_funneled", "lfw-funneled.tgz", "1b42dfed7d15c9b2dd63d5e5840c86ad"),
        "deepfunneled": (
            "lfw-deepfunneled",
            "lfw-deepfunneled.tgz",
            "68331da3eb755a505a502b5aacb3c201",
        ),
    }
    checksums = {
        "pairs.txt": "9f1ba174e4e1c508ff7cdf10ac338a7d",
        "pairsDevTest.txt": "5132f7440eb68cf58910c8a45a2ac10b",
        "pairsDevTrain.txt": "4f27cbf15b2da4a85c1907eb4181ad21",
        "people.txt": "450f0863dd89e85e73936a6d71a3474b",
        "peopleDevTest.txt": "e4bf5be0a43b5dcd9dc5ccfcb8fb19c5",
        "peopleDevTrain.txt": "54eaac34beb6d042ed3a7d883e247a21",
        "lfw-names.txt": "a6d0a479bd074669f656265a6e693f6d",
    }
    _parts = {"10fold": "", "train": "DevTrain", "test": "DevTest"}
    _files = ()  # further ones that it reads

    def __init__(
        self, root, split="10fold", image_set="funneled", transform=None, target_transform=None, download=False,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(
            os.path.join(root, self.base_folder),
            transform=transform,
            target_transform=target_transform,
        )
        name = type(self).__name__
        self.image_set = one_of(name, "image_set", image_set.lower(), tuple(self.file_dict))
        self.split = one_of(name, "split", split.lower(), tuple(self._parts))
        folder, archive, md5 = self.file_dict[self.image_set]
        self.labels_file = f"{self.view}{self._parts[self.split]}.txt"
        if download:
            raise ValueError(
                f"{name}: the server that gave it out is gone; put {archive}, unpacked beside it, and {self.labels_file} "
                f"into {self.root}."
            )
        needed = {archive: md5} | {f: self.checksums[f] for f in (self.labels_file, *self._files)}
        for file, checksum in needed.items():
            if not check_integrity(os.path.join(self.root, file), checksum):
                raise absent(self, os.path.join(self.root, file))
        self.images_dir = os.path.join(self.root, folder)
        self._loader = loader
        with open(os.path.join(self.root, self.labels_file)) as lines:
            self._read([line.strip().split("\t") for line in lines])

    def _path(self, name, number):
        return os.path.join(self.images_dir, name, f"{name}_{int(number):04d}.jpg")

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Alignment: {self.image_set}\nSplit: {self.split}"


class LFWPeople(_LFW):
    __doc__ = f"13,233 faces and whose they are. {_LFW.__doc__}"
    view = "people"
    _files = ("lfw-names.txt",)

    def _read(self, rows):
        with open(os.path.join(self.root, "lfw-names.txt")) as lines:
            self.class_to_idx = {line.split()[0]: i for i, line in enumerate(lines)}
        folds, rows = (int(rows[0][0]), rows[1:]) if self.split == "10fold" else (1, rows)
        self.data, self.targets = [], []
        for _ in range(folds):
            count = int(rows[0][0])
            for name, images in rows[1 : count + 1]:
                self.data += [self._path(name, n + 1) for n in range(int(images))]
                self.targets += [self.class_to_idx[name]] * int(images)
            rows = rows[count + 1 :]

    def __getitem__(self, index):
        return self._sample(self._loader(self.data[index]), self.targets[index])

    def extra_repr(self):
        return f"{super().extra_repr()}\nClasses (identities): {len(self.class_to_idx)}"


class LFWPairs(_LFW):
    __doc__ = (
        f"Pairs of faces and whether they are of one person: (image, image, 0 or 1). {_LFW.__doc__}"
    )
    view = "pairs"

    def _read(self, rows):
        folds = int(rows[0][0]) if self.split == "10fold" else 1
        count = int(rows[0][-1])
        self.pair_names, self.data, self.targets = [], [], []
        for row in rows[1 : 1 + folds * 2 * count]:
            one, other = (row[0], row[0]) if len(row) == 3 else (row[0], row[2])
            self.pair_names.append((one, other))
            self.data.append((self._path(one, row[1]), self._path(other, row[-1])))
            self.targets.append(int(len(row) == 3))

    def __getitem__(self, index):
        images = [self._loader(path) for path in self.data[index]]
        target = self.targets[index]
        if self.transform is not None:
            images = [self.transform(image) for image in images]
        if self.target_transform is not None:
            target = self.target_transform(target)
        return (*images, target)


class WIDERFace(VisionDataset):
    """32,203 pictures with the boxes of their faces; split "train", "val" or "test", whose targets are None.

    A target is a dict of tensors: "bbox" (N, 4), x, y, width and height, and "blur", "expression", "illumination",
    "occlusion", "pose" and "invalid", (N,). Source: Yang et al., "WIDER FACE", 2016, arXiv:1511.06523.
    """

    BASE_FOLDER = "widerface"
    FILE_LIST = (
        ("15hGDLhsx8bLgLcIRD5DhYt5iBxnjNF1M", "3fedf70df600953d25982bcd13d91ba2", "WIDER_train.zip"),
        ("1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q", "dfa7d7e790efa35df3788964cf0bbaea", "WIDER_val.zip"),
        ("1HIfDbVEWKmsYKJZm4lchTBDLW5N7dY5T", "e5d8f4248ed24c334bbd12f49c29dd40", "WIDER_test.zip"),
    )  # fmt: skip
    ANNOTATIONS_FILE = (
        "http://shuoyang1213.me/WIDERFACE/support/bbx_annotation/wider_face_split.zip",
        "0e3767bcf0e326556d407bf5bff5d27c",
        "wider_face_split.zip",
    )
    _facts = ("blur", "expression", "illumination", "occlusion", "pose", "invalid")

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(
            os.path.join(root, self.BASE_FOLDER),
            transform=transform,
            target_transform=target_transform,
        )
        self.split = one_of("WIDERFace", "split", split, ("train", "val", "test"))
        folders = [*(name for _, _, name in self.FILE_LIST), self.ANNOTATIONS_FILE[2]]
        missing = [
            n for n in folders if not os.path.isdir(os.path.join(self.root, n.removesuffix(".zip")))
        ]
        if missing and download:
            for id, md5, name in self.FILE_LIST:
                download_file_from_google_drive(id, self.root, name, md5)
                extract_archive(os.path.join(self.root, name))
            url, md5, _ = self.ANNOTATIONS_FILE
            download_and_extract_archive(url, self.root, md5=md5)
        elif missing:
            raise absent(self, os.path.join(self.root, missing[0].removesuffix(".zip")))
        lists = Path(self.root, "wider_face_split")
        name = "test_filelist" if split == "test" else f"{split}_bbx_gt"
        lines = (lists / f"wider_face_{name}.txt").read_text().splitlines()
        images = Path(self.root, f"WIDER_{split}", "images")
        self.img_info = []
        if split == "test":
            self.img_info = [{"img_path": str(images / line.strip())} for line in lines]
        else:
            self._read(lines, images)

    def _read(self, lines, images):
        """A name, the number of boxes, a line for each; one line of zeros where there is no box."""
        from ... import tensor

        place = 0
        while place < len(lines):
            count = max(int(lines[place + 1]), 1)
            rows = [[int(v) for v in line.split()] for line in lines[place + 2 : place + 2 + count]]
            values = tensor(rows)
            facts = {name: values[:, 4 + i].clone() for i, name in enumerate(self._facts)}
            path = os.path.abspath(images / lines[place].strip())
            self.img_info.append(
                {"img_path": path, "annotations": {"bbox": values[:, :4].clone(), **facts}}
            )
            place += 2 + count

    def __getitem__(self, index):
        info = self.img_info[index]
        return self._sample(pil_image(info["img_path"], None), info.get("annotations"))

    def __len__(self):
        return len(self.img_info)

    def extra_repr(self):
        return f"Split: {self.split}"


class FER2013(VisionDataset):
    """35,887 grey faces of 48 x 48 pixels in 7 expressions; split "train" or "test", which may have None.

    Kaggle gives the file out to those who ask there: train.csv and test.csv, fer2013.csv or icml_face_data.csv.
    Source: Goodfellow et al., 2013, arXiv:1307.0414.
    """

    _RESOURCES = {
        "train": ("train.csv", "3f0dfb3d3fd99c811a1299cb947e3131"),
        "test": ("test.csv", "b02c2298636a634e8c2faabbf3ea9a23"),
        "fer": ("fer2013.csv", "f8428a1edbd21e88f42c73edd2a14f95"),
        "icml": ("icml_face_data.csv", "b114b9e04e6949e5fe8b6a98b3892b1d"),
    }
    _uses = {"train": ("Training",), "test": ("PublicTest", "PrivateTest")}

    def __init__(self, root, split="train", transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        import numpy

        self._split = one_of("FER2013", "split", split, ("train", "test"))
        folder = Path(self.root, "fer2013")
        whole = [k for k in ("fer", "icml") if (folder / self._RESOURCES[k][0]).exists()]
        name, md5 = self._RESOURCES[whole[0] if whole else split]
        if not check_integrity(str(folder / name), md5):
            raise RuntimeError(
                f"Dataset not found: FER2013 has no {name}, or a damaged one, in {folder}; it is given out at kaggle.com/c/"
                "challenges-in-representation-learning-facial-expression-recognition-challenge."
            )
        self._samples = []
        with open(folder / name, newline="") as file:
            for row in csv.DictReader(file):
                row = {key.strip(): value for key, value in row.items()}
                if whole and row["Usage"] not in self._uses[split]:
                    continue
                pixels = numpy.array(row["pixels"].split(), dtype="uint8").reshape(48, 48)
                self._samples.append((pixels, int(row["emotion"]) if "emotion" in row else None))

    def __getitem__(self, index):
        pixels, target = self._samples[index]
        return self._sample(as_pil(pixels), target)

    def __len__(self):
        return len(self._samples)

    def extra_repr(self):
        return f"split={self._split}"
