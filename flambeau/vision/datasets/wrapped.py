"""Data sets whose samples say what they are, for transforms.v2."""

from ... import stack, tensor
from .. import tv_tensors
from .annotated import CocoDetection, VOCDetection, VOCSegmentation
from .classified import OxfordIIITPet
from .folder import DatasetFolder

__all__ = ["wrap_dataset_for_transforms_v2"]

_VOC_CLASSES = """__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike
    person pottedplant sheep sofa train tvmonitor""".split()


def wrap_dataset_for_transforms_v2(dataset, target_keys=None):
    """The data set with boxes, masks and images of its targets as TVTensors, of the same class as before.

    target_keys: of COCO and VOC, which keys of the target come, a collection or "all"; by default boxes (or masks) and
    labels. TypeError: there is no rule for this data set.

    Its transforms (transforms=, or transform= and target_transform=) are given what is wrapped.
    """
    rule = next((rule for kind, rule in _RULES.items() if isinstance(dataset, kind)), None)
    if rule is None:
        raise TypeError(
            f"wrap_dataset_for_transforms_v2: there is no rule for {type(dataset).__name__}; its samples may be wrapped by "
            "tv_tensors in its own __getitem__."
        )
    kind = type(f"Wrapped{type(dataset).__name__}", (_Wrapped, type(dataset)), {})
    return kind(dataset, rule(dataset, target_keys))


class _Wrapped:
    """In front of a data set: its samples without transforms, wrapped, then its transforms."""

    def __init__(self, dataset, wrap):
        self.__dict__.update(vars(dataset))
        self._dataset, self._wrap = dataset, wrap
        self._after, dataset.transforms = dataset.transforms, None
        dataset.transform = dataset.target_transform = None

    def __getitem__(self, index):
        image, target = self._wrap(index, self._dataset[index])
        return (image, target) if self._after is None else self._after(image, target)

    def __len__(self):
        return len(self._dataset)


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
    _no_keys(dataset, target_keys)
    return lambda index, sample: sample


def _no_keys(dataset, target_keys):
    if target_keys not in (None, "all"):
        raise ValueError(
            f"wrap_dataset_for_transforms_v2: target_keys is for targets with keys; {type(dataset).__name__} has none."
        )


def _segmentation(dataset, target_keys):
    _no_keys(dataset, target_keys)
    return lambda index, sample: (sample[0], tv_tensors.Mask(sample[1]))


def _pets(dataset, target_keys):
    _no_keys(dataset, target_keys)

    def wrap(index, sample):
        image, target = sample
        targets = target if isinstance(target, tuple) else (target,)
        masked = tuple(t if isinstance(t, int) else tv_tensors.Mask(t) for t in targets)
        return image, masked if isinstance(target, tuple) else masked[0]

    return wrap


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
            masks = [tensor(dataset.coco.annToMask(a)) for a in annotations]
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


_RULES = {
    CocoDetection: _coco,
    VOCDetection: _voc,
    VOCSegmentation: _segmentation,
    OxfordIIITPet: _pets,
    DatasetFolder: _only_images,
}
