"""Data sets whose targets are masks, outlines or boxes of a scene: Cityscapes, KITTI, SBD."""

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

from .listed import read_mat
from .utils import download_and_extract_archive, download_url, extract_archive
from .vision import VisionDataset, absent, one_of, pil_image

__all__ = ["Cityscapes", "Kitti", "SBDataset"]

_Class = namedtuple(
    "CityscapesClass",
    "name id train_id category category_id has_instances ignore_in_eval color",
)

# name, train id (255: none), category, whether instances are told apart, whether it is left out, colour; ids count up.
_CLASSES = """
    unlabeled,255,void,0,1,0 0 0|ego vehicle,255,void,0,1,0 0 0|rectification border,255,void,0,1,0 0 0
    out of roi,255,void,0,1,0 0 0|static,255,void,0,1,0 0 0|dynamic,255,void,0,1,111 74 0|ground,255,void,0,1,81 0 81
    road,0,flat,0,0,128 64 128|sidewalk,1,flat,0,0,244 35 232|parking,255,flat,0,1,250 170 160
    rail track,255,flat,0,1,230 150 140|building,2,construction,0,0,70 70 70|wall,3,construction,0,0,102 102 156
    fence,4,construction,0,0,190 153 153|guard rail,255,construction,0,1,180 165 180
    bridge,255,construction,0,1,150 100 100|tunnel,255,construction,0,1,150 120 90|pole,5,object,0,0,153 153 153
    polegroup,255,object,0,1,153 153 153|traffic light,6,object,0,0,250 170 30|traffic sign,7,object,0,0,220 220 0
    vegetation,8,nature,0,0,107 142 35|terrain,9,nature,0,0,152 251 152|sky,10,sky,0,0,70 130 180
    person,11,human,1,0,220 20 60|rider,12,human,1,0,255 0 0|car,13,vehicle,1,0,0 0 142|truck,14,vehicle,1,0,0 0 70
    bus,15,vehicle,1,0,0 60 100|caravan,255,vehicle,1,1,0 0 90|trailer,255,vehicle,1,1,0 0 110
    train,16,vehicle,1,0,0 80 100|motorcycle,17,vehicle,1,0,0 0 230|bicycle,18,vehicle,1,0,119 11 32
    license plate,-1,vehicle,0,1,0 0 142
"""


def _classes():
    rows = [row.strip().split(",") for row in _CLASSES.strip().replace("\n", "|").split("|")]
    categories = list(dict.fromkeys(row[2] for row in rows))
    return [
        _Class(
            name,
            -1 if name == "license plate" else number,
            int(train_id),
            category,
            categories.index(category),
            apart == "1",
            left_out == "1",
            tuple(int(part) for part in color.split()),
        )
        for number, (name, train_id, category, apart, left_out, color) in enumerate(rows)
    ]


class Cityscapes(VisionDataset):
    """Streets of 50 cities; split "train", "val" or "test", of mode "coarse" "train", "train_extra" or "val".

    target_type: one or several of "instance", "semantic" and "color", images of Pillow, and "polygon", what its JSON
    says. The archives, given out at cityscapes-dataset.com, are unpacked where they lie in root.
    Source: Cordts et al., "The Cityscapes Dataset", 2016, arXiv:1604.01685.
    """

    CityscapesClass = _Class
    classes = _classes()
    _kinds = {
        "instance": "instanceIds.png",
        "semantic": "labelIds.png",
        "color": "color.png",
        "polygon": "polygons.json",
    }

    def __init__(
        self, root, split="train", mode="fine", target_type="instance", transform=None, target_transform=None,
        transforms=None,
    ):  # fmt: skip
        super().__init__(root, transforms, transform, target_transform)
        name = "Cityscapes"
        fine = one_of(name, "mode", mode, ("fine", "coarse")) == "fine"
        splits = ("train", "test", "val") if fine else ("train", "train_extra", "val")
        self.mode = "gtFine" if fine else "gtCoarse"
        self.split = one_of(name, "split", split, splits)
        types = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [one_of(name, "target_type", t, tuple(self._kinds)) for t in types]
        self.images_dir = os.path.join(self.root, "leftImg8bit", split)
        self.targets_dir = os.path.join(self.root, self.mode, split)
        if not os.path.isdir(self.images_dir) or not os.path.isdir(self.targets_dir):
            extra = "trainextra" if split == "train_extra" else "trainvaltest"
            targets = "gtFine_trainvaltest.zip" if fine else "gtCoarse.zip"
            archives = [os.path.join(self.root, n) for n in (f"leftImg8bit_{extra}.zip", targets)]
            if not all(map(os.path.isfile, archives)):
                raise absent(self, self.images_dir)
            for archive in archives:
                extract_archive(archive, self.root)
        self.images, self.targets = [], []
        for path in sorted(Path(self.images_dir).glob("*/*")):
            start = f"{path.name.split('_leftImg8bit')[0]}_{self.mode}_"
            folder = os.path.join(self.targets_dir, path.parent.name)
            self.images.append(str(path))
            self.targets.append(
                [os.path.join(folder, start + self._kinds[t]) for t in self.target_type]
            )

    def __getitem__(self, index):
        targets = []
        for kind, path in zip(self.target_type, self.targets[index]):
            read = _json if kind == "polygon" else lambda path: pil_image(path, None)
            targets.append(read(path))
        target = tuple(targets) if len(targets) > 1 else targets[0]
        return self._sample(pil_image(self.images[index]), target)

    def __len__(self):
        return len(self.images)

    def extra_repr(self):
        return f"Split: {self.split}\nMode: {self.mode}\nType: {self.target_type}"


def _json(path):
    with open(path) as file:
        return json.load(file)


class Kitti(VisionDataset):
    """7,481 streets with the boxes of what is on them, and 7,518 to test with, without.

    A target is a list of dicts: "type", "truncated", "occluded", "alpha", "bbox", "dimensions", "location" and
    "rotation_y". Source: Geiger, Lenz, Urtasun, CVPR 2012.
    """

    data_url = "https://s3.eu-central-1.amazonaws.com/avg-kitti/"
    resources = ("data_object_image_2.zip", "data_object_label_2.zip")
    image_dir_name = "image_2"
    labels_dir_name = "label_2"

    def __init__(
        self, root, train=True, transform=None, target_transform=None, transforms=None, download=False
    ):  # fmt: skip
        super().__init__(root, transforms, transform, target_transform)
        self.train = train
        raw = Path(self.root, type(self).__name__, "raw")
        folder = raw / ("training" if train else "testing")
        needed = [folder / self.image_dir_name, *([folder / self.labels_dir_name] if train else [])]
        if download and not all(place.is_dir() for place in needed):
            for name in self.resources:
                download_and_extract_archive(self.data_url + name, str(raw), filename=name)
        if not all(place.is_dir() for place in needed):
            raise absent(self, folder)
        self.images = [str(path) for path in sorted(needed[0].iterdir())]
        self.targets = [
            str(needed[1] / f"{Path(path).stem}.txt") for path in (self.images if train else [])
        ]

    def _target(self, path):
        found = []
        for line in Path(path).read_text().splitlines():
            kind, *values = line.split()
            v = [float(value) for value in values]
            found.append(
                {
                    "type": kind,
                    "truncated": v[0],
                    "occluded": int(v[1]),
                    "alpha": v[2],
                    "bbox": v[3:7],
                    "dimensions": v[7:10],
                    "location": v[10:13],
                    "rotation_y": v[13],
                }
            )
        return found

    def __getitem__(self, index):
        target = self._target(self.targets[index]) if self.train else None
        return self._sample(pil_image(self.images[index], None), target)

    def __len__(self):
        return len(self.images)


class SBDataset(VisionDataset):
    """11,355 pictures of VOC with what stands where; image_set "train", "val" or "train_noval". Needs SciPy.

    mode: targets are "segmentation", an image of Pillow, or "boundaries", (20, H, W) of 0 and 1.
    Source: Hariharan et al., "Semantic contours from inverse detectors", ICCV 2011.
    """

    url = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz"
    md5 = "82b4d87ceb2ed10f6038a1cba92111cb"
    filename = "benchmark.tgz"
    voc_train_url = "https://www.cs.cornell.edu/~bharathh/train_noval.txt"
    voc_split_filename = "train_noval.txt"
    voc_split_md5 = "79bff800c5f0b1ec6b21080a3c066722"

    def __init__(self, root, image_set="train", mode="boundaries", download=False, transforms=None):
        super().__init__(root, transforms)
        name = "SBDataset"
        self.image_set = one_of(name, "image_set", image_set, ("train", "val", "train_noval"))
        self.mode = one_of(name, "mode", mode, ("segmentation", "boundaries"))
        self.num_classes = 20
        if download:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.md5)
            unpacked = os.path.join(self.root, "benchmark_RELEASE", "dataset")
            for part in ("cls", "img", "inst", "train.txt", "val.txt"):
                shutil.move(os.path.join(unpacked, part), self.root)
            if image_set == "train_noval":
                download_url(
                    self.voc_train_url, self.root, self.voc_split_filename, self.voc_split_md5
                )
        listed = Path(self.root, f"{image_set}.txt")
        if not listed.exists():
            raise absent(self, self.root)
        names = listed.read_text().split()
        self.images = [os.path.join(self.root, "img", f"{name}.jpg") for name in names]
        self.masks = [os.path.join(self.root, "cls", f"{name}.mat") for name in names]

    def __getitem__(self, index):
        import numpy

        # Not squeezed: a picture may have one row.
        found = read_mat(self.masks[index], squeeze=False)["GTcls"][0, 0]
        if self.mode == "segmentation":
            from PIL import Image

            target = Image.fromarray(found["Segmentation"])
        else:
            target = numpy.stack([plane.toarray() for plane in found["Boundaries"].ravel()])
        return self._sample(pil_image(self.images[index]), target)

    def __len__(self):
        return len(self.images)

    def extra_repr(self):
        return f"Image set: {self.image_set}\nMode: {self.mode}"
