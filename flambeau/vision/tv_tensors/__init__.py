"""Tensors that say what they are: transforms.v2 does to each what suits it.

What operators make of them is a plain tensor, unless set_return_type says otherwise; clone, detach, to and
requires_grad_ keep the type, and wrap gives it back.
"""

import enum

from ... import Tensor, as_tensor
from ...overrides import DisableTorchFunctionSubclass
from ...utils._pytree import tree_leaves

__all__ = [
    "BoundingBoxFormat", "BoundingBoxes", "Image", "KeyPoints", "Mask", "TVTensor", "Video",
    "is_rotated_bounding_format", "set_return_type", "wrap",
]  # fmt: skip

_KEEPING = frozenset(("clone", "to", "detach", "requires_grad_"))
_keeps_type = [False]


class TVTensor(Tensor):
    """The base of all: a tensor with facts about itself, which are its `_facts`."""

    _facts = ()

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        return cls._made(data, dtype, device, requires_grad)

    @classmethod
    def _made(cls, data, dtype, device, requires_grad):
        if requires_grad is None:
            requires_grad = data.requires_grad if isinstance(data, Tensor) else False
        made = as_tensor(data, dtype=dtype, device=device)
        made = (
            made.as_subclass(cls)
            if type(made) is Tensor
            else made.as_subclass(Tensor).as_subclass(cls)
        )
        if bool(requires_grad) != made.requires_grad:
            made = made.detach() if made.grad_fn is not None or not requires_grad else made
            made.requires_grad_(requires_grad)
        return made

    def _like(self, other):
        """Takes the facts of another of its kind."""
        for fact in self._facts:
            setattr(self, fact, getattr(other, fact))
        return self

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if not all(
            issubclass(cls, kind) or issubclass(kind, cls) or kind is Tensor for kind in types
        ):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in _KEEPING and args and isinstance(args[0], cls):
            return _wrapped_all(output, args[0])
        if _keeps_type[0]:
            like = next(t for t in tree_leaves((args, kwargs)) if isinstance(t, cls))
            return _wrapped_all(output, like)
        return _plain(output)

    def __deepcopy__(self, memo):
        # Plain tensors copy their gradient, too; this is the copy of torchvision.
        return wrap(
            self.as_subclass(Tensor).detach().clone().requires_grad_(self.requires_grad), like=self
        )

    def __repr__(self, **options):
        facts = "".join(f", {fact}={getattr(self, fact)}" for fact in self._facts)
        shown = repr(self.as_subclass(Tensor))
        return f"{type(self).__name__}({shown.removeprefix('tensor(').removesuffix(')')}{facts})"


def _plain(output):
    if isinstance(output, TVTensor):
        return output.as_subclass(Tensor)
    if isinstance(output, tuple | list):
        parts = [_plain(part) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


def _wrapped_all(output, like):
    if isinstance(output, Tensor):
        return wrap(output, like=like)
    if isinstance(output, tuple | list) and not hasattr(output, "_fields"):
        return type(output)(_wrapped_all(part, like) for part in output)
    return output


def _from_data(cls, data, dtype, device, requires_grad):
    """data as a tensor; images of Pillow become (C, H, W)."""
    from ..transforms._pil import is_pil

    if is_pil(data):
        from ..transforms._conversions import pil_to_tensor

        data = pil_to_tensor(data)
    return cls._made(data, dtype, device, requires_grad)


def _check_dims(kind, made, least, wanted):
    if made.ndim < least:
        raise ValueError(f"tv_tensors.{kind}: data is {tuple(made.shape)}; it must be {wanted}.")


class Image(TVTensor):
    """An image (..., C, H, W), of a tensor, an image of Pillow, or what makes a tensor; (H, W) gets a channel."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        made = _from_data(cls, data, dtype, device, requires_grad)
        _check_dims("Image", made, 2, "(..., C, H, W) or (H, W)")
        return wrap(made.as_subclass(Tensor).unsqueeze(0), like=made) if made.ndim == 2 else made


class Video(TVTensor):
    """A video (..., T, C, H, W)."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        made = cls._made(data, dtype, device, requires_grad)
        _check_dims("Video", made, 4, "(..., T, C, H, W)")
        return made


class Mask(TVTensor):
    """Masks (..., H, W): of objects, (N, H, W), or the class of each pixel."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        made = _from_data(cls, data, dtype, device, requires_grad)
        _check_dims("Mask", made, 2, "(..., H, W)")
        return made


class BoundingBoxFormat(enum.Enum):
    """What the numbers of a box are; those with R are rotated, by degrees counter-clockwise, and so are four corners."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


_NUMBERS = {"XYWHR": 5, "CXCYWHR": 5, "XYXYXYXY": 8}


def is_rotated_bounding_format(format):
    """Whether a format, or its name, is of rotated boxes."""
    name = format.value if isinstance(format, BoundingBoxFormat) else str(format).upper()
    return name in _NUMBERS


def _canvas(size):
    """(height, width); one number is both."""
    return (size, size) if isinstance(size, int) else tuple(size)


class BoundingBoxes(TVTensor):
    """Boxes (N, 4), or (N, 5) and (N, 8) in rotated formats; format and canvas_size, (height, width), say what they mean.

    clamping_mode: whether transforms cut them to the canvas, "soft" or "hard" (both do) or None.
    """

    _facts = ("format", "canvas_size", "clamping_mode")

    def __new__(
        cls, data, *, format, canvas_size, clamping_mode="soft", dtype=None, device=None,
        requires_grad=None,
    ):  # fmt: skip
        made = cls._made(data, dtype, device, requires_grad)
        format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(
                f"BoundingBoxes: clamping_mode is {clamping_mode!r}; it must be 'soft', 'hard' or None."
            )
        if made.ndim == 1:
            made = made.as_subclass(Tensor).unsqueeze(0).as_subclass(cls)
        if made.ndim != 2:
            raise ValueError(
                f"BoundingBoxes: data is {tuple(made.shape)}; in {format.value} it must be (N, "
                f"{_NUMBERS.get(format.value, 4)})."
            )
        if is_rotated_bounding_format(format) and not made.is_floating_point():
            raise ValueError(
                f"BoundingBoxes: data is {made.dtype}; rotated boxes must be floating."
            )
        made.format, made.canvas_size, made.clamping_mode = (
            format,
            _canvas(canvas_size),
            clamping_mode,
        )
        return made


class KeyPoints(TVTensor):
    """Points (..., 2), x before y, in a canvas of (height, width)."""

    _facts = ("canvas_size",)

    def __new__(cls, data, *, canvas_size, dtype=None, device=None, requires_grad=None):
        made = cls._made(data, dtype, device, requires_grad)
        if made.ndim == 1:
            made = made.as_subclass(Tensor).unsqueeze(0).as_subclass(cls)
        if made.shape[-1] != 2:
            raise ValueError(f"KeyPoints: data is {tuple(made.shape)}; it must be (..., 2).")
        made.canvas_size = _canvas(canvas_size)
        return made


def wrap(wrappee, *, like, **kwargs):
    """The tensor `wrappee` as what `like` is, with its facts, of which kwargs replace some.

    Example:
        >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 4, 4]], format="XYXY", canvas_size=(10, 10))
        >>> tv_tensors.wrap(boxes * 2, like=boxes, canvas_size=(20, 20)).canvas_size
        (20, 20)
    """
    made = wrappee.as_subclass(type(like))._like(like)
    for fact, value in kwargs.items():
        setattr(made, fact, value)
    return made


class set_return_type:
    """What operators make of TVTensors: "Tensor", at first, or "TVTensor"; as a function, or with `with`."""

    def __init__(self, return_type):
        kinds = {"tensor": False, "tvtensor": True}
        if return_type.lower() not in kinds:
            raise ValueError(
                f"set_return_type: {return_type!r}; it must be 'Tensor' or 'TVTensor'."
            )
        self._before = _keeps_type[0]
        _keeps_type[0] = kinds[return_type.lower()]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _keeps_type[0] = self._before
