"""Data sets whose samples say what they are, for transforms.v2."""

import copy

from ... import Tensor, stack, tensor, where
from .. import tv_tensors
from .annotated import CocoCaptions, CocoDetection, VOCDetection, VOCSegmentation, mask_of
from .arrays import ArrayDataset
from .captions import SBU, Captioned
from .classified import Caltech101, CelebA, OxfordIIITPet
from .faces import FER2013, LFWPeople, WIDERFace
from .fake import FakeData
from .folder import DatasetFolder
from .image_dataset import ImageDataset
from .listed import Listed
from .packed import LSUN, PCAM, SEMEION
from .streets import Cityscapes, Kitti, SBDataset
from .videos import Clips

__all__ = ["wrap_dataset_for_transforms_v2"]

_VOC_CLASSES = """__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike
    person pottedplant sheep sofa train tvmonitor""".split()


def wrap_dataset_for_transforms_v2(dataset, target_keys=None):
    """The data set with boxes, masks and images of its targets as TVTensors, of the same class as before.

    target_keys: of COCO and VOC, which keys of the target come, a collection or "all"; by default boxes (or masks) and
    labels. TypeError: there is no rule for this data set. RuntimeError: none for what it has been asked to give.

    Its transforms (transforms=, or transform= and target_transform=) are given what is wrapped.
    """
    rule = next((rule for kind, rule in _RULES.items() if isinstance(dataset, kind)), None)
    if rule is None:
        raise TypeError(
            f"wrap_dataset_for_transforms_v2: there is no rule for {type(dataset).__name__}; its samples may be wrapped by "
            "tv_tensors in its own __getitem__."
        )
    kind = type(f"Wrapped{type(dataset).__name__}", (_Wrapped, type(dataset)), {})
    return kind(dataset, rule(dataset, target_keys), target_keys)


class _Wrapped:
    """In front of a data set: its samples without transforms, wrapped, then its transforms."""

    def __init__(self, dataset, wrap, target_keys):
        self.__dict__.update(vars(dataset))
        self._dataset, self._wrap, self._keys = dataset, wrap, target_keys
        self._after, dataset.transforms = dataset.transforms, None
        dataset.transform = dataset.target_transform = None

    def __getitem__(self, index):
        sample = self._wrap(index, self._dataset[index])
        return sample if self._after is None else self._after(*sample)

    def __len__(self):
        return len(self._dataset)

    def __reduce__(self):
        # The class is made for the data set; it is made anew.
        dataset = copy.copy(self._dataset)
        dataset.transforms = self._after
        return wrap_dataset_for_transforms_v2, (dataset, self._keys)


def _chosen(wanted, default, known):
    """The keys of a target that are asked for."""
    if wanted is None:
        return set(default)
    if wanted == "all":
        return set(known)
    unknown = set(wanted) - set(known)
    if unknown:
        raise ValueError(
            f"wrap_dataset_for_transforms_v2: target_keys has {', '.join(sorted(unknown))}; there are {', '.join(known)}."
        )
    return set(wanted)


def _only_images(dataset, target_keys):
    """Labels and sentences stay."""
    _no_keys(dataset, target_keys)
    return lambda index, sample: sample


def _no_keys(dataset, target_keys):
    if target_keys is not None:
        raise ValueError(
            f"wrap_dataset_for_transforms_v2: target_keys is for targets with keys; {type(dataset).__name__} has none."
        )


def _refuse(dataset, what):
    raise RuntimeError(
        f"wrap_dataset_for_transforms_v2: {type(dataset).__name__} with {what} is not offered, since transforms would leave "
        "that as it is."
    )


def _box(values, image):
    """Boxes of corner and size as XYXY."""
    from ..transforms.v2.functional import convert_bounding_box_format

    given = tv_tensors.BoundingBoxes(values, format="XYWH", canvas_size=(image.height, image.width))
    return convert_bounding_box_format(given, new_format="XYXY")


def _by_kind(kinds, **wraps):
    """A rule for targets of several kinds: each of wraps(target, image) is for one of them."""

    def wrap(index, sample):
        image, target = sample
        if target is None:
            return sample
        targets = target if isinstance(target, tuple) else (target,)
        done = tuple(
            wraps[kind](one, image) if kind in wraps else one for kind, one in zip(kinds, targets)
        )
        return image, done if isinstance(target, tuple) else done[0]

    return wrap


def _mask(target, image):
    return tv_tensors.Mask(target)


def _segmentation(dataset, target_keys):
    _no_keys(dataset, target_keys)
    if getattr(dataset, "mode", "") == "boundaries":
        _refuse(dataset, "mode='boundaries'")
    return _by_kind(["mask"], mask=_mask)


def _pets(dataset, target_keys):
    _no_keys(dataset, target_keys)
    return _by_kind(dataset._target_types, segmentation=_mask)


def _celeba(dataset, target_keys):
    _no_keys(dataset, target_keys)
    points = lambda target, image: tv_tensors.KeyPoints(
        target.view(-1, 2), canvas_size=(image.height, image.width)
    )
    return _by_kind(dataset.target_type, bbox=_box, landmarks=points)


def _caltech101(dataset, target_keys):
    if "annotation" in dataset.target_type:
        _refuse(dataset, "target_type 'annotation'")
    return _only_images(dataset, target_keys)


def _cityscapes(dataset, target_keys):
    _no_keys(dataset, target_keys)
    for kind in ("polygon", "color"):
        if kind in dataset.target_type:
            _refuse(dataset, f"target_type {kind!r}")

    def instances(target, image):
        """Ids below 1000 are of classes, others 1000 times the class and a number."""
        mask = tv_tensors.Mask(target).as_subclass(Tensor)
        ids = mask.unique()
        labels = where(ids >= 1000, ids // 1000, ids)
        each = ids.view(-1, *(1,) * mask.ndim)
        return {"masks": tv_tensors.Mask(mask == each), "labels": labels}

    return _by_kind(dataset.target_type, instance=instances, semantic=_mask)


def _faces(dataset, target_keys):
    known = ("bbox", "blur", "expression", "illumination", "occlusion", "pose", "invalid")
    keys = _chosen(target_keys, known, known)

    def wrap(index, sample):
        image, target = sample
        if target is None:
            return sample
        made = {key: value for key, value in target.items() if key in keys}
        if "bbox" in keys:
            made["bbox"] = _box(made["bbox"], image)
        return image, made

    return wrap


_KITTI_TYPES = "Car Van Truck Pedestrian Person_sitting Cyclist Tram Misc DontCare".split()


def _kitti(dataset, target_keys):
    facts = ("type", "truncated", "occluded", "alpha", "bbox", "dimensions", "location", "rotation_y")  # fmt: skip
    keys = _chosen(target_keys, ("boxes", "labels"), (*facts, "boxes", "labels"))

    def wrap(index, sample):
        image, target = sample
        if target is None:
            return sample
        made = {key: [one[key] for one in target] for key in keys if key in facts}
        if "boxes" in keys:
            boxes = tensor([one["bbox"] for one in target]).reshape(-1, 4)
            made["boxes"] = tv_tensors.BoundingBoxes(
                boxes, format="XYXY", canvas_size=(image.height, image.width)
            )
        if "labels" in keys:
            made["labels"] = tensor([_KITTI_TYPES.index(one["type"]) for one in target], dtype=int)
        return image, made

    return wrap


def _videos(dataset, target_keys):
    _no_keys(dataset, target_keys)
    if dataset.video_clips.output_format == "THWC":
        _refuse(dataset, "output_format 'THWC'; 'TCHW' is")
    return lambda index, sample: (tv_tensors.Video(sample[0]), *sample[1:])


def _coco(dataset, target_keys):
    known = (
        "segmentation",
        "area",
        "iscrowd",
        "image_id",
        "bbox",
        "category_id",
        "boxes",
        "masks",
        "labels",
    )
    keys = _chosen(target_keys, ("image_id", "boxes", "labels"), known)

    def wrap(index, sample):
        image, annotations = sample
        size = (image.height, image.width)
        made = {"image_id": dataset.ids[index]}
        for key in keys & {"segmentation", "area", "iscrowd", "bbox", "category_id"}:
            made[key] = [annotation[key] for annotation in annotations]
        if "boxes" in keys:
            boxes = tensor([a["bbox"] for a in annotations]).float().reshape(-1, 4)
            given = tv_tensors.BoundingBoxes(boxes, format="XYWH", canvas_size=size)
            from ..transforms.v2.functional import convert_bounding_box_format

            made["boxes"] = convert_bounding_box_format(given, new_format="XYXY")
        if "masks" in keys:
            masks = [tensor(mask_of(a["segmentation"], size)) for a in annotations]
            made["masks"] = tv_tensors.Mask(
                stack(masks) if masks else tensor([]).reshape(0, *size).bool()
            )
        if "labels" in keys:
            made["labels"] = tensor([a["category_id"] for a in annotations], dtype=int)
        if "image_id" not in keys:
            del made["image_id"]
        return image, made

    return wrap


def _voc(dataset, target_keys):
    keys = _chosen(target_keys, ("boxes", "labels"), ("annotation", "boxes", "labels"))

    def wrap(index, sample):
        image, target = sample
        objects = target["annotation"]["object"]
        made = {"annotation": target["annotation"]} if "annotation" in keys else {}
        if "boxes" in keys:
            sides = ("xmin", "ymin", "xmax", "ymax")
            boxes = [[float(o["bndbox"][side]) for side in sides] for o in objects]
            made["boxes"] = tv_tensors.BoundingBoxes(
                tensor(boxes).reshape(-1, 4), format="XYXY", canvas_size=(image.height, image.width)
            )
        if "labels" in keys:
            made["labels"] = tensor([_VOC_CLASSES.index(o["name"]) for o in objects], dtype=int)
        return image, made

    return wrap


# The first that fits.
_RULES = {
    CocoCaptions: _only_images,
    CocoDetection: _coco,
    VOCDetection: _voc,
    VOCSegmentation: _segmentation,
    SBDataset: _segmentation,
    OxfordIIITPet: _pets,
    CelebA: _celeba,
    Cityscapes: _cityscapes,
    WIDERFace: _faces,
    Kitti: _kitti,
    Clips: _videos,
    Caltech101: _caltech101,
    **dict.fromkeys(
        (ArrayDataset, DatasetFolder, ImageDataset, Listed, FakeData, FER2013, LFWPeople, LSUN, PCAM, SEMEION, Captioned, SBU),
        _only_images,
    ),
}  # fmt: skip
