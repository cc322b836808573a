"""Data sets of images with boxes, masks and captions: COCO and PASCAL VOC."""

import json
import os
from operator import attrgetter
from pathlib import Path

from .utils import download_and_extract_archive
from .vision import VisionDataset, absent, one_of, pil_image

__all__ = ["CocoCaptions", "CocoDetection", "VOCDetection", "VOCSegmentation"]


class CocoDetection(VisionDataset):
    """COCO's images with their annotations: sample i is (image, list of dicts as in the file).

    root: the folder of images; annFile: the file of annotations, JSON. Read without pycocotools.
    Source: Lin et al., "Microsoft COCO", 2014, arXiv:1405.0312.
    """

    def __init__(self, root, annFile, transform=None, target_transform=None, transforms=None):
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoIndex(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id):
        return pil_image(os.path.join(self.root, self.coco.imgs[id]["file_name"]))

    def _load_target(self, id):
        return list(self.coco.by_image.get(id, ()))

    def __getitem__(self, index):
        if not isinstance(index, int):
            raise ValueError(f"{type(self).__name__}: index is {index!r}; it must be an int.")
        id = self.ids[index]
        return self._sample(self._load_image(id), self._load_target(id))

    def __len__(self):
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """COCO's images with their captions: sample i is (image, list of str)."""

    def _load_target(self, id):
        return [annotation["caption"] for annotation in super()._load_target(id)]


class CocoIndex:
    """A file of annotations by ids: imgs, anns, cats, and the annotations of each image, by_image."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.dataset = json.load(file)
        by_id = lambda key: {entry["id"]: entry for entry in self.dataset.get(key, ())}
        self.imgs, self.anns, self.cats = by_id("images"), by_id("annotations"), by_id("categories")
        self.by_image = {}
        for annotation in self.dataset.get("annotations", ()):
            self.by_image.setdefault(annotation["image_id"], []).append(annotation)

    def getAnnIds(self, imgIds=()):
        """The ids of the annotations of some images."""
        imgIds = imgIds if isinstance(imgIds, list | tuple) else [imgIds]
        return [annotation["id"] for id in imgIds for annotation in self.by_image.get(id, ())]

    def loadAnns(self, ids=()):
        """Annotations by their ids."""
        return [self.anns[id] for id in (ids if isinstance(ids, list | tuple) else [ids])]

    def loadImgs(self, ids=()):
        """What is said of images, by their ids."""
        return [self.imgs[id] for id in (ids if isinstance(ids, list | tuple) else [ids])]

    def annToMask(self, annotation):
        """The mask of an annotation: bool (H, W)."""
        image = self.imgs[annotation["image_id"]]
        return mask_of(annotation["segmentation"], (image["height"], image["width"]))


def mask_of(shape, size):
    """A segmentation of COCO as bool (H, W): polygons are drawn by Pillow, run lengths unpacked."""
    import numpy

    if isinstance(shape, dict):
        counts = shape["counts"]
        if isinstance(counts, str | bytes):
            counts = _unpacked(counts)
        height, width = shape["size"]
        ones = numpy.repeat(numpy.arange(len(counts)) % 2 == 1, counts)
        if len(ones) > height * width:
            raise ValueError(
                f"CocoDetection: a segmentation's run lengths make {len(ones)} pixels, but its size is {height} x {width}."
            )
        # What lacks at the end is background.
        mask = numpy.zeros(width * height, bool)
        mask[: len(ones)] = ones
        return mask.reshape(width, height).T
    if not isinstance(shape, list):
        raise ValueError(
            f"CocoDetection: a segmentation is {type(shape).__name__}; it must be a list of polygons or a dict of run "
            "lengths."
        )
    from PIL import Image, ImageDraw

    mask = Image.new("1", size[::-1])
    for polygon in shape:
        ImageDraw.Draw(mask).polygon(list(zip(polygon[::2], polygon[1::2])), fill=1)
    return numpy.array(mask)


def _unpacked(text):
    """COCO's run lengths: six bits a character, five of a number and one that says it goes on; from the third number
    on, differences from the last but one."""
    data = text.encode() if isinstance(text, str) else text
    counts, i = [], 0
    while i < len(data):
        value, shift, more = 0, 0, True
        while more:
            part = data[i] - 48
            value |= (part & 0x1F) << shift
            shift += 5
            more = bool(part & 0x20)
            i += 1
            if not more and part & 0x10:
                value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


_VOC_FILES = {  # year -> archive, its MD5, folder of the data in it
    "2012": (
        "voc2012/VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        "VOCdevkit/VOC2012",
    ),
    "2011": (
        "voc2011/VOCtrainval_25-May-2011.tar",
        "6c3384ef61512963050cb5d687e5bf1e",
        "TrainVal/VOCdevkit/VOC2011",
    ),
    "2010": (
        "voc2010/VOCtrainval_03-May-2010.tar",
        "da459979d0c395079b5c75ee67908abb",
        "VOCdevkit/VOC2010",
    ),
    "2009": (
        "voc2009/VOCtrainval_11-May-2009.tar",
        "a3e00b113cfcfebf17e343f59da3caa1",
        "VOCdevkit/VOC2009",
    ),
    "2008": (
        "voc2008/VOCtrainval_14-Jul-2008.tar",
        "2629fa636546599198acfcfbfcf1904a",
        "VOCdevkit/VOC2008",
    ),
    "2007": (
        "voc2007/VOCtrainval_06-Nov-2007.tar",
        "c52e279531787c972589f7e41ab4ae64",
        "VOCdevkit/VOC2007",
    ),
    "2007-test": (
        "voc2007/VOCtest_06-Nov-2007.tar",
        "b6e924de25625d8de591ea690078ad9f",
        "VOCdevkit/VOC2007",
    ),
}
_VOC_SERVER = "https://thor.robots.ox.ac.uk/pascal/VOC/"


class _VOC(VisionDataset):
    """The images that a list of PASCAL VOC names, with what _targets says of each.

    Args:
        root (path): the folder that has, or gets, VOCdevkit.
        year (str): "2007" to "2012".
        image_set (str): "train", "val" or "trainval", and "test" of 2007.
        download (bool): fetch the archive, checked by checksum, and unpack it.

    Source: Everingham et al., IJCV 88 (2010) 303.
    """

    def __init__(
        self, root, year="2012", image_set="train", download=False, transform=None,
        target_transform=None, transforms=None,
    ):  # fmt: skip
        super().__init__(root, transforms, transform, target_transform)
        name = type(self).__name__
        self.year = one_of(name, "year", str(year), [y for y in _VOC_FILES if "-" not in y])
        sets = ["train", "trainval", "val"] + (["test"] if self.year == "2007" else [])
        self.image_set = one_of(name, "image_set", image_set, sets)
        archive, md5, base = _VOC_FILES["2007-test" if image_set == "test" else self.year]
        folder = Path(self.root, base)
        if download and not folder.is_dir():
            download_and_extract_archive(
                _VOC_SERVER + archive, self.root, filename=os.path.basename(archive), md5=md5
            )
        listed = folder / "ImageSets" / self._sets / f"{image_set}.txt"
        if not listed.exists():
            raise absent(self, folder)
        names = listed.read_text().split()
        self.images = [str(folder / "JPEGImages" / f"{name}.jpg") for name in names]
        self.targets = [str(folder / self._folder / f"{name}{self._suffix}") for name in names]

    def __len__(self):
        return len(self.images)


class VOCSegmentation(_VOC):
    """VOC's images with their masks, images of Pillow whose pixels are classes."""

    _sets, _folder, _suffix = "Segmentation", "SegmentationClass", ".png"

    masks = property(attrgetter("targets"), doc="The masks' files.")

    def __getitem__(self, index):
        return self._sample(pil_image(self.images[index]), pil_image(self.targets[index], None))


class VOCDetection(_VOC):
    """VOC's images with what their XML says, as a dict of dicts; "object" is always a list."""

    _sets, _folder, _suffix = "Main", "Annotations", ".xml"

    annotations = property(attrgetter("targets"), doc="The XML files.")

    def __getitem__(self, index):
        from xml.etree import ElementTree

        root = ElementTree.parse(self.targets[index]).getroot()
        return self._sample(pil_image(self.images[index]), self.parse_voc_xml(root))

    @staticmethod
    def parse_voc_xml(node):
        """An XML element as {tag: text, or a dict of its children}; children of one tag become a list."""
        found = {}
        for child in node:
            for tag, value in VOCDetection.parse_voc_xml(child).items():
                found.setdefault(tag, []).append(value)
        inner = {
            tag: values
            if len(values) > 1 or (node.tag == "annotation" and tag == "object")
            else values[0]
            for tag, values in found.items()
        }
        return {node.tag: inner or (node.text or "").strip()}
