"""Data sets of images in files with a class each: Flowers, Food, Pets, CelebA, Caltech, ImageNet."""

import csv
import json
import os
import shutil
from pathlib import Path

from .folder import ImageFolder, default_loader
from .listed import Listed, read_mat
from .utils import (
    download_and_extract_archive,
    download_file_from_google_drive,
    download_url,
    extract_archive,
)
from .vision import VisionDataset, absent, one_of, pil_image

__all__ = [
    "Caltech101",
    "Caltech256",
    "CelebA",
    "Flowers102",
    "Food101",
    "ImageNet",
    "OxfordIIITPet",
]


class Flowers102(Listed):
    """8,189 flowers in 102 classes, 0 to 101; split "train", "val" or "test". Needs SciPy.

    Source: Nilsback, Zisserman, ICVGIP 2008.
    """

    _url = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    _files = {
        "102flowers.tgz": "52808999861908f626f3c1f4e79d11fa",
        "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
        "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
    }
    _sets = {"train": "trnid", "val": "valid", "test": "tstid"}

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("Flowers102", "split", split, tuple(self._sets))
        folder = Path(self.root, "flowers-102")
        if download and not (folder / "setid.mat").exists():
            for name, md5 in self._files.items():
                download_url(self._url + name, folder, md5=md5)
            extract_archive(folder / "102flowers.tgz", folder)
        if not (folder / "jpg").is_dir() or not (folder / "setid.mat").exists():
            raise absent(self, folder)
        import numpy

        labels = numpy.ravel(read_mat(folder / "imagelabels.mat")["labels"])
        for number in numpy.ravel(read_mat(folder / "setid.mat")[self._sets[split]]).tolist():
            self._labels.append(int(labels[number - 1]) - 1)
            self._image_files.append(folder / "jpg" / f"image_{number:05d}.jpg")


class Food101(Listed):
    """101,000 dishes in 101 classes; split "train" or "test". Source: Bossard et al., ECCV 2014."""

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("Food101", "split", split, ("train", "test"))
        folder = Path(self.root, "food-101")
        if download and not folder.is_dir():
            download_and_extract_archive(
                "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
                self.root,
                md5="85eeb15f3717b99a5da872d97d918f87",
            )
        if not (folder / "meta").is_dir():
            raise absent(self, folder)
        listed = json.loads((folder / "meta" / f"{split}.json").read_text())
        self.classes = sorted(listed)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        for name in listed:
            self._labels += [self.class_to_idx[name]] * len(listed[name])
            self._image_files += [folder / "images" / f"{path}.jpg" for path in listed[name]]


class OxfordIIITPet(VisionDataset):
    """7,390 cats and dogs in 37 classes; split "trainval" or "test".

    target_types: one or several of "category", "binary-category" (0 cat, 1 dog) and "segmentation", an image of Pillow.
    Source: Parkhi et al., "Cats and Dogs", CVPR 2012.
    """

    _types = ("category", "binary-category", "segmentation")
    _files = (
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "95a8c909bbe2e81eed6a22bccdf3f68f",
        ),
    )

    def __init__(
        self, root, split="trainval", target_types="category", transforms=None, transform=None,
        target_transform=None, download=False,
    ):  # fmt: skip
        super().__init__(root, transforms, transform, target_transform)
        self._split = one_of("OxfordIIITPet", "split", split, ("trainval", "test"))
        types = [target_types] if isinstance(target_types, str) else list(target_types)
        self._target_types = [
            one_of("OxfordIIITPet", "target_types", t, self._types) for t in types
        ]
        folder = Path(self.root, "oxford-iiit-pet")
        if download and not (folder / "annotations").is_dir():
            for url, md5 in self._files:
                download_and_extract_archive(url, str(folder), md5=md5)
        listed = folder / "annotations" / f"{split}.txt"
        if not listed.exists():
            raise absent(self, folder)
        rows = [line.split() for line in listed.read_text().splitlines() if line]
        self._images = [folder / "images" / f"{row[0]}.jpg" for row in rows]
        self._segs = [folder / "annotations" / "trimaps" / f"{row[0]}.png" for row in rows]
        self._labels = [int(row[1]) - 1 for row in rows]
        self._bin_labels = [int(row[2]) - 1 for row in rows]
        names = {int(row[1]) - 1: row[0].rsplit("_", 1)[0] for row in rows}
        self.classes = [" ".join(w.title() for w in names[i].split("_")) for i in sorted(names)]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index):
        kinds = {
            "category": lambda: self._labels[index],
            "binary-category": lambda: self._bin_labels[index],
            "segmentation": lambda: pil_image(self._segs[index], None),
        }
        targets = tuple(kinds[kind]() for kind in self._target_types)
        target = targets[0] if len(targets) == 1 else targets or None
        return self._sample(pil_image(self._images[index]), target)

    def __len__(self):
        return len(self._images)


class CelebA(VisionDataset):
    """202,599 faces of 10,177 people; split "train", "valid", "test" or "all".

    target_type: one or several of "attr" (40 attributes of 0 and 1), "identity", "bbox" (x, y, width, height) and
    "landmarks" (five points). Source: Liu et al., "Deep Learning Face Attributes in the Wild", 2015, arXiv:1411.7766.
    """

    base_folder = "celeba"
    file_list = (
        (
            "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
            "00d2c5bc6d35e252742224ab0c1e8fcb",
            "img_align_celeba.zip",
        ),
        (
            "0B7EVK8r0v71pblRyaVFSWGxPY0U",
            "75e246fa4810816ffd6ee81facbd244c",
            "list_attr_celeba.txt",
        ),
        (
            "1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
            "32bd1bd63d3c78cd57e08160ec5ed1e2",
            "identity_CelebA.txt",
        ),
        (
            "0B7EVK8r0v71pbThiMVRxWXZ4dU0",
            "00566efa6fedff7a56946cd1c10f1c16",
            "list_bbox_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pd0FJY3Blby1HUTQ",
            "cc24ecafdb5b50baae59b03474781f8c",
            "list_landmarks_align_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
            "d32c9cbf5e040fd4025c592c306e6668",
            "list_eval_partition.txt",
        ),
    )
    _splits = {"train": 0, "valid": 1, "test": 2, "all": None}
    # target type -> file, lines before the data
    _tables = {
        "attr": ("list_attr_celeba.txt", 1),
        "identity": ("identity_CelebA.txt", None),
        "bbox": ("list_bbox_celeba.txt", 1),
        "landmarks": ("list_landmarks_align_celeba.txt", 1),
    }

    def __init__(
        self, root, split="train", target_type="attr", transform=None, target_transform=None,
        download=False,
    ):  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        from ... import tensor

        self.split = one_of("CelebA", "split", split, tuple(self._splits))
        types = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [one_of("CelebA", "target_type", t, tuple(self._tables)) for t in types]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("CelebA: target_transform is given, but target_type is empty.")
        folder = Path(self.root, self.base_folder)
        if download and not (folder / "img_align_celeba").is_dir():
            for id, md5, name in self.file_list:
                download_file_from_google_drive(id, folder, name, md5)
            extract_archive(folder / "img_align_celeba.zip", folder)
        if not (folder / "list_eval_partition.txt").exists():
            raise absent(self, folder)
        _, names, parts = self._table(folder, "list_eval_partition.txt", None)
        wanted = self._splits[self.split]
        kept = [i for i, part in enumerate(parts) if wanted is None or part[0] == wanted]
        self.filename = [names[i] for i in kept]
        self._images = folder / "img_align_celeba"
        for kind, (file, header) in self._tables.items():
            if kind not in self.target_type and not (folder / file).exists():
                continue
            columns, _, rows = self._table(folder, file, header)
            values = tensor([rows[i] for i in kept])
            setattr(
                self, kind, (values + 1) // 2 if kind == "attr" else values
            )  # attributes come as -1 and 1
            if kind == "attr":
                self.attr_names = columns

    def _table(self, folder, name, header):
        """(names of the columns, names of the images, numbers) of one of the files."""
        with open(folder / name) as file:
            rows = list(csv.reader(file, delimiter=" ", skipinitialspace=True))
        columns = rows[header] if header is not None else []
        rows = rows[header + 1 :] if header is not None else rows
        return columns, [row[0] for row in rows], [[int(v) for v in row[1:] if v] for row in rows]

    def __getitem__(self, index):
        targets = []
        for kind in self.target_type:
            value = getattr(self, kind)[index]
            targets.append(value[0] if kind == "identity" else value)
        target = targets[0] if len(targets) == 1 else tuple(targets) or None
        return self._sample(pil_image(self._images / self.filename[index]), target)

    def __len__(self):
        return len(self.filename)

    def extra_repr(self):
        return f"Target type: {self.target_type}\nSplit: {self.split}"


class Caltech101(VisionDataset):
    """9,146 pictures in 101 classes, without the background. Source: Li, Andreeto, Ranzato, Perona, 2022.

    target_type: "category", "annotation" (the outline, needs SciPy), or both.
    """

    _renamed = {
        "Faces": "Faces_2",
        "Faces_easy": "Faces_3",
        "Motorbikes": "Motorbikes_16",
        "airplanes": "Airplanes_Side_2",
    }

    def __init__(
        self, root, target_type="category", transform=None, target_transform=None, download=False
    ):
        super().__init__(
            Path(root, "caltech101"), transform=transform, target_transform=target_transform
        )
        types = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [
            one_of("Caltech101", "target_type", t, ("category", "annotation")) for t in types
        ]
        folder = self.root / "101_ObjectCategories"
        if download:
            raise NotImplementedError(
                "Caltech101: download is not offered; fetch caltech-101.zip from data.caltech.edu/records/mzrjq-6wc02 and "
                f"unpack it and the archives in it into {self.root}."
            )
        if not folder.is_dir():
            raise absent(self, self.root)
        self.categories = sorted(name for name in os.listdir(folder) if name != "BACKGROUND_Google")
        self.annotation_categories = [self._renamed.get(name, name) for name in self.categories]
        self._files = [
            (i, path)
            for i, name in enumerate(self.categories)
            for path in sorted((folder / name).glob("*.jpg"))
        ]

    def __getitem__(self, index):
        label, path = self._files[index]
        targets = []
        for kind in self.target_type:
            if kind == "category":
                targets.append(label)
                continue
            number = path.stem.removeprefix("image_")
            folder = self.root / "Annotations" / self.annotation_categories[label]
            targets.append(read_mat(folder / f"annotation_{number}.mat")["obj_contour"])
        target = targets[0] if len(targets) == 1 else tuple(targets)
        return self._sample(pil_image(path), target)

    def __len__(self):
        return len(self._files)


class Caltech256(Listed):
    """30,607 pictures in 257 classes. Source: Griffin, Holub, Perona, 2007."""

    def __init__(self, root, transform=None, target_transform=None, download=False):
        super().__init__(Path(root, "caltech256"), transform, target_transform)
        if download:
            raise NotImplementedError(
                "Caltech256: download is not offered; fetch 256_ObjectCategories.tar from data.caltech.edu/records/"
                f"nyy15-4j048 and unpack it into {self.root}."
            )
        folder = self.root / "256_ObjectCategories"
        if not folder.is_dir():
            raise absent(self, self.root)
        self.categories = sorted(name for name in os.listdir(folder) if (folder / name).is_dir())
        for i, name in enumerate(self.categories):
            files = sorted((folder / name).glob("*.jpg"))
            self._image_files += files
            self._labels += [i] * len(files)


class ImageNet(ImageFolder):
    """ImageNet's 1,000 classes; split "train" or "val", unpacked from its archives in `root` the first time.

    The archives, ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz, are given out at
    image-net.org to those who ask there. Source: Russakovsky et al., 2015, arXiv:1409.0575.
    """

    def __init__(self, root, split="train", **kwargs):
        root = Path(os.path.expanduser(root))
        self.split = one_of("ImageNet", "split", split, ("train", "val"))
        names, truth = self._development_kit(root)
        folder = root / split
        if not folder.is_dir():
            archive = root / f"ILSVRC2012_img_{split}.tar"
            if not archive.exists():
                raise RuntimeError(
                    f"Dataset not found: ImageNet needs {folder}, or {archive} to make it of; image-net.org gives it out."
                )
            self._unpack(archive, folder, truth)
        super().__init__(folder, **kwargs)
        self.root = str(root)
        self.split_folder = str(folder)
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
        self.classes = [names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, several in enumerate(self.classes) for name in several}

    def _development_kit(self, root):
        """(wnid -> names, wnid of each validation image), from the kit, kept in meta.bin beside it as by torchvision."""
        from ... import load, save

        kept = root / "meta.bin"
        if not kept.exists():
            archive = root / "ILSVRC2012_devkit_t12.tar.gz"
            if not archive.exists():
                raise RuntimeError(
                    f"Dataset not found: ImageNet needs {archive}; image-net.org gives it out."
                )
            extract_archive(archive, root)
            folder = root / "ILSVRC2012_devkit_t12" / "data"
            synsets = [
                row.tolist()[:5]
                for row in read_mat(folder / "meta.mat")["synsets"]
                if row.tolist()[4] == 0
            ]
            by_number = {int(row[0]): str(row[1]) for row in synsets}
            names = {
                str(row[1]): tuple(w.strip() for w in str(row[2]).split(",")) for row in synsets
            }
            lines = (folder / "ILSVRC2012_validation_ground_truth.txt").read_text().split()
            save((names, [by_number[int(line)] for line in lines]), kept)
        return load(kept, weights_only=True)

    def _unpack(self, archive, folder, truth):
        making = folder.with_name(folder.name + ".part")
        extract_archive(archive, making)
        if self.split == "train":
            for inner in sorted(making.glob("*.tar")):
                extract_archive(inner, making / inner.stem, remove_finished=True)
        else:
            for path, wnid in zip(sorted(making.glob("*.JPEG")), truth):
                (making / wnid).mkdir(exist_ok=True)
                shutil.move(path, making / wnid / path.name)
        making.rename(folder)

    def extra_repr(self):
        return f"Split: {self.split}"
