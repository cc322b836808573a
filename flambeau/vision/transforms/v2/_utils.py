"""What transforms ask of a sample."""

from .... import Tensor
from ... import tv_tensors
from .._pil import is_pil
from . import functional as F
from .functional import is_pure_tensor


def check_type(obj, types_or_checks):
    """Whether obj is of one of some types, or one of some functions says yes."""
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs, *types_or_checks):
    """Whether one of the inputs is of one of the types."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs, *types_or_checks):
    """Whether of each of the types there is an input."""
    return all(has_any(flat_inputs, t) for t in types_or_checks)


def get_bounding_boxes(flat_inputs):
    """The boxes of a sample; ValueError where there are none."""
    for inpt in flat_inputs:
        if isinstance(inpt, tv_tensors.BoundingBoxes):
            return inpt
    raise ValueError("transforms.v2: the sample has no BoundingBoxes.")


def get_keypoints(flat_inputs):
    """The keypoints of a sample; ValueError where there are none."""
    for inpt in flat_inputs:
        if isinstance(inpt, tv_tensors.KeyPoints):
            return inpt
    raise ValueError("transforms.v2: the sample has no KeyPoints.")


def is_image_or_video(inpt):
    return (
        is_pil(inpt)
        or is_pure_tensor(inpt)
        or isinstance(inpt, tv_tensors.Image | tv_tensors.Video)
    )


def _agreed(found, what):
    if not found:
        raise TypeError("transforms.v2: the sample has no image, video, mask, boxes or keypoints.")
    if len(found) > 1:
        raise ValueError(
            f"transforms.v2: the inputs differ in {what}: {', '.join(map(str, sorted(found)))}."
        )
    return next(iter(found))


def query_size(flat_inputs):
    """(height, width) that all inputs of a sample share."""
    sized = [
        inpt
        for inpt in flat_inputs
        if is_image_or_video(inpt)
        or isinstance(inpt, tv_tensors.Mask | tv_tensors.BoundingBoxes | tv_tensors.KeyPoints)
    ]
    return _agreed({tuple(F.get_size(inpt)) for inpt in sized}, "size")


def query_chw(flat_inputs):
    """(channels, height, width) that all images and videos of a sample share."""
    images = [inpt for inpt in flat_inputs if is_image_or_video(inpt)]
    return _agreed({tuple(F.get_dimensions(inpt)) for inpt in images}, "dimensions")


# -- arguments


def fills(name, fill):
    """type -> fill out of one fill for all, or of a dict whose key "others" stands for the rest."""
    if isinstance(fill, dict):
        for key, value in fill.items():
            _check_fill(name, value)
            if not isinstance(key, type) and key != "others":
                raise ValueError(
                    f"{name}: a key of fill is {key!r}; it must be a type or 'others'."
                )
        return fill
    _check_fill(name, fill)
    return {"others": fill}


def _check_fill(name, fill):
    if fill is not None and not isinstance(fill, int | float | list | tuple):
        raise TypeError(
            f"{name}: fill is {fill!r}; it must be a number, one for each channel, or None."
        )


def fill_for(chosen, inpt):
    """The fill of an input."""
    kind = Tensor if type(inpt) is Tensor else type(inpt)
    return chosen.get(kind, chosen.get("others", 0))


def labels_getter(name, given):
    """The function that finds labels in a sample: given, or by what looks like labels."""
    if given == "default":
        return _find_labels_default_heuristic
    if callable(given):
        return given
    if given is None:
        return lambda sample: None
    raise ValueError(
        f"{name}: labels_getter is {given!r}; it must be a function, 'default' or None."
    )


def _holder(sample):
    return sample[1] if isinstance(sample, tuple | list) and len(sample) > 1 else sample


def _find_labels_default_heuristic(sample):
    """The second of a pair that is a tensor, or the entry of a dict that says labels, or else label."""
    held = _holder(sample)
    if is_pure_tensor(held):
        return held
    if not isinstance(held, dict):
        raise ValueError("transforms.v2: no labels are found in the sample; pass labels_getter=.")
    for fits in (lambda key: key.lower() == "labels", lambda key: "label" in key.lower()):
        for key in held:
            if isinstance(key, str) and fits(key):
                return held[key]
    raise ValueError("transforms.v2: no key of the sample says labels; pass labels_getter=.")
