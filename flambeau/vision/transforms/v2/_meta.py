"""What boxes and keypoints are: formats, limits, which are kept."""

from .... import Tensor
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from . import functional as F
from ._transform import Transform
from ._utils import get_bounding_boxes, get_keypoints
from ._utils import labels_getter as getter


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format, a BoundingBoxFormat or its name."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, format):
        super().__init__()
        self.format = (
            tv_tensors.BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        )

    def transform(self, inpt, params):
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut to their canvas; clamping_mode "auto" is the boxes' own."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode="auto"):
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Keypoints cut to their canvas."""

    _transformed_types = (tv_tensors.KeyPoints,)

    def transform(self, inpt, params):
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """Whether later transforms cut boxes to their canvas: "soft", "hard" or None."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode):
        super().__init__()
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(
                f"SetClampingMode: clamping_mode is {clamping_mode!r}; it must be 'soft', 'hard' or None."
            )
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return tv_tensors.wrap(
            inpt.as_subclass(Tensor), like=inpt, clamping_mode=self.clamping_mode
        )


class _Sanitize(Transform):
    """Leaves out what is not valid, and the labels and masks that belong to it."""

    def _keep(self, inputs, belongs, kind, kept_of):
        sample = inputs if len(inputs) > 1 else inputs[0]
        found = self._labels_getter(sample)
        labels = found if isinstance(found, tuple | list) else [] if found is None else [found]
        flat, spec = tree_flatten(sample)
        things = kept_of(flat)
        for label in labels:
            if not isinstance(label, Tensor) or len(label) != len(things):
                raise ValueError(
                    f"{type(self).__name__}: labels are not a tensor with one entry for each of the {len(things)} "
                    f"{kind.__name__}; labels_getter=None leaves them alone."
                )
        valid = self._valid(things)
        out = []
        for inpt in flat:
            mine = (
                isinstance(inpt, kind)
                or any(inpt is label for label in labels)
                or belongs(inpt, len(things))
            )
            if mine:
                kept = inpt.as_subclass(Tensor)[valid]
                inpt = (
                    tv_tensors.wrap(kept, like=inpt)
                    if isinstance(inpt, tv_tensors.TVTensor)
                    else kept
                )
            out.append(inpt)
        return tree_unflatten(out, spec)


class SanitizeBoundingBoxes(_Sanitize):
    """Leaves out boxes that are too small or reach beyond their canvas, with their labels and masks.

    labels_getter: a function of the sample, "default" to look for them, or None.
    """

    def __init__(self, min_size=1.0, min_area=1.0, labels_getter="default"):
        super().__init__()
        if min_size < 1 or min_area < 1:
            raise ValueError(
                f"SanitizeBoundingBoxes: min_size is {min_size} and min_area {min_area}; they must be at least 1."
            )
        self.min_size = min_size
        self.min_area = min_area
        self.labels_getter = labels_getter
        self._labels_getter = getter("SanitizeBoundingBoxes", labels_getter)

    def _valid(self, boxes):
        _, valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)
        return valid

    def forward(self, *inputs):
        def belongs(inpt, n):
            return isinstance(inpt, tv_tensors.Mask) and inpt.ndim == 3 and len(inpt) == n

        return self._keep(inputs, belongs, tv_tensors.BoundingBoxes, get_bounding_boxes)


class SanitizeKeyPoints(_Sanitize):
    """Leaves out keypoints, or groups (N, K, 2) of them, that are not in their canvas, with their labels."""

    def __init__(self, labels_getter=None):
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = getter("SanitizeKeyPoints", labels_getter)

    def _valid(self, points):
        return F.sanitize_keypoints(points)[1]

    def forward(self, *inputs):
        return self._keep(inputs, lambda inpt, n: False, tv_tensors.KeyPoints, get_keypoints)
