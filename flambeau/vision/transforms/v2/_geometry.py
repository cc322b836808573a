"""Size, place and direction."""

from .... import Tensor, rand, randint
from ... import ops, tv_tensors
from .._checks import (
    between,
    check_new_size,
    check_padding,
    check_padding_mode,
    check_pair,
    numbers_of_two,
)
from .._image import four_sides
from ..geometry import (
    random_corners,
    random_displacement,
    random_part,
    take_affine,
    take_resized_crop,
    uniform,
)
from ..modes import InterpolationMode, check_mode, pair
from . import functional as F
from ._transform import OfKernel, RandomApplied, Transform
from ._utils import (
    fill_for,
    fills,
    get_bounding_boxes,
    has_all,
    has_any,
    is_image_or_video,
    query_size,
)

_BILINEAR, _NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


class _Filled(OfKernel):
    """A transform whose new pixels have a fill, one for all or by type."""

    def _set_fill(self, fill):
        self.fill = fill
        self._fill = fills(type(self).__name__, fill)

    def _fill_for(self, inpt):
        return fill_for(self._fill, inpt)

    def _setting(self, name, inpt):
        return self._fill_for(inpt) if name == "fill" else super()._setting(name, inpt)


class RandomHorizontalFlip(RandomApplied):
    """Left and right change places with probability p."""

    _kernel = staticmethod(F.horizontal_flip)


class RandomVerticalFlip(RandomApplied):
    """Top and bottom change places with probability p."""

    _kernel = staticmethod(F.vertical_flip)


class Resize(Transform):
    """Another size: (height, width), one number for the shorter side (the longer at most max_size), or None for the
    longer side max_size."""

    def __init__(self, size, interpolation=_BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if size is None and max_size is None:
            raise ValueError(
                "Resize: size is None, so max_size must say how long the longer side is."
            )
        if not isinstance(size, int | list | tuple | None):
            raise ValueError(
                f"Resize: size is {size!r}; it must be a number, one or two in a sequence, or None."
            )
        if size is not None:
            check_new_size("Resize", size)
        self.size = [size] if isinstance(size, int) else None if size is None else list(size)
        self.interpolation = check_mode("Resize", interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resize,
            inpt,
            self.size,
            interpolation=self.interpolation,
            max_size=self.max_size,
            antialias=self.antialias,
        )


class CenterCrop(Transform):
    """The middle; a border of 0 where the input is smaller."""

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt, params):
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class RandomResizedCrop(OfKernel):
    """A random part, of a share of the area in `scale` and a ratio of width to height in `ratio`, resized."""

    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation=_BILINEAR,
        antialias=True,
    ):  # fmt: skip
        super().__init__()
        take_resized_crop(self, size, scale, ratio, interpolation, antialias)

    def make_params(self, flat_inputs):
        part = random_part(*query_size(flat_inputs), self.scale, self.ratio)
        return dict(zip(("top", "left", "height", "width"), part))

    _kernel, _settings = staticmethod(F.resized_crop), ("size", "interpolation", "antialias")


class _Crops(Transform):
    """Several parts of an image."""

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def check_inputs(self, flat_inputs):
        for inpt in flat_inputs:
            if isinstance(inpt, tv_tensors.BoundingBoxes | tv_tensors.Mask | tv_tensors.KeyPoints):
                raise TypeError(
                    f"{type(self).__name__}: takes images and videos, not {type(inpt).__name__}."
                )


class FiveCrop(_Crops):
    """The corners and the middle: a tuple of five for each image."""

    def transform(self, inpt, params):
        return F.five_crop(inpt, self.size)


class TenCrop(_Crops):
    """The corners and the middle of the image and the flipped one: a tuple of ten for each image."""

    def __init__(self, size, vertical_flip=False):
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt, params):
        return F.ten_crop(inpt, self.size, vertical_flip=self.vertical_flip)


class Pad(_Filled):
    """A border: padding of all sides; (left and right, top and bottom); or (left, top, right, bottom)."""

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        self.padding = check_padding("Pad", padding)
        self._set_fill(fill)
        self.padding_mode = check_padding_mode("Pad", padding_mode)

    _kernel, _settings = staticmethod(F.pad), ("padding", "fill", "padding_mode")


class RandomZoomOut(RandomApplied, _Filled):
    """Put at a random place of a canvas of side_range times its size, with probability p.

    Source: Liu et al., "SSD", 2016, arXiv:1512.02325, section 3.6.
    """

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__(p)
        check_pair("RandomZoomOut", "side_range", side_range or 0)
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(
                f"RandomZoomOut: side_range is {side_range}; it must be in order and at least 1."
            )
        self._set_fill(fill)
        self.side_range = side_range

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        ratio = uniform(*self.side_range)
        high, wide = int(height * ratio), int(width * ratio)
        left, top = int(float(rand(())) * (wide - width)), int(float(rand(())) * (high - height))
        return {"padding": [left, top, wide - left - width, high - top - height]}

    _kernel, _settings = staticmethod(F.pad), ("fill",)


class RandomRotation(_Filled):
    """Turned by a random angle of `degrees`, a number for both directions or (low, high)."""

    def __init__(self, degrees, interpolation=_NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = between("RandomRotation", "degrees", degrees)
        self.interpolation = check_mode("RandomRotation", interpolation)
        self.expand = expand
        self._set_fill(fill)
        self.center = check_pair("RandomRotation", "center", center)

    def make_params(self, flat_inputs):
        return {"angle": uniform(*self.degrees)}

    _kernel, _settings = staticmethod(F.rotate), ("interpolation", "expand", "center", "fill")


class RandomAffine(_Filled):
    """Turned, moved, scaled and sheared by random amounts: see transforms.RandomAffine."""

    def __init__(
        self, degrees, translate=None, scale=None, shear=None, interpolation=_NEAREST, fill=0,
        center=None,
    ):  # fmt: skip
        super().__init__()
        take_affine(self, degrees, translate, scale, shear, interpolation, center)
        self._set_fill(fill)

    def make_params(self, flat_inputs):
        from ..geometry import RandomAffine as first

        height, width = query_size(flat_inputs)
        chosen = first.get_params(
            self.degrees, self.translate, self.scale, self.shear, (width, height)
        )
        return dict(zip(("angle", "translate", "scale", "shear"), chosen))

    _kernel, _settings = staticmethod(F.affine), ("interpolation", "fill", "center")


class RandomCrop(_Filled):
    """A part at a random place; padding, fill, padding_mode: a border before, pad_if_needed: one where it is smaller."""

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = pair(size)
        self.padding = check_padding("RandomCrop", padding)
        self.pad_if_needed = pad_if_needed
        self._set_fill(fill)
        self.padding_mode = check_padding_mode("RandomCrop", padding_mode)

    def make_params(self, flat_inputs):
        have_height, have_width = query_size(flat_inputs)
        left, top, right, bottom = (
            four_sides(self.padding) if self.padding is not None else (0, 0, 0, 0)
        )
        height, width = self.size
        if self.pad_if_needed:
            missing = height - (have_height + top + bottom)
            if missing > 0:
                top, bottom = top + missing, bottom + missing
            missing = width - (have_width + left + right)
            if missing > 0:
                left, right = left + missing, right + missing
        have_height, have_width = have_height + top + bottom, have_width + left + right
        if have_height < height or have_width < width:
            raise ValueError(
                f"RandomCrop: the crop {self.size} is larger than the input {(have_height, have_width)}. Pass padding=, "
                "or pad_if_needed=True."
            )
        padding = [left, top, right, bottom]
        # Nothing is drawn where there is no choice.
        rest = (have_height - height, have_width - width)
        top, left = (int(randint(0, n + 1, ())) if n else 0 for n in rest)
        return {
            "needs_pad": any(padding),
            "padding": padding,
            "needs_crop": any(rest),
            "top": top,
            "left": left,
            "height": height,
            "width": width,
        }

    def transform(self, inpt, params):
        if params["needs_pad"]:
            inpt = self._call_kernel(
                F.pad,
                inpt,
                params["padding"],
                fill=self._fill_for(inpt),
                padding_mode=self.padding_mode,
            )
        if not params["needs_crop"]:
            return inpt
        return self._call_kernel(F.crop, inpt, params["top"], params["left"], *self.size)


class RandomPerspective(RandomApplied, _Filled):
    """Seen from aside with probability p: corners move inwards by at most distortion_scale of half the image."""

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=_BILINEAR, fill=0):
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError(
                f"RandomPerspective: distortion_scale is {distortion_scale}; it must lie in [0, 1]."
            )
        self.distortion_scale = distortion_scale
        self.interpolation = check_mode("RandomPerspective", interpolation)
        self._set_fill(fill)

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        starts, ends = random_corners(width, height, self.distortion_scale)
        from .._image_warp import perspective_coefficients

        return {"coefficients": perspective_coefficients(starts, ends)}

    def transform(self, inpt, params):
        return self._call_kernel(
            F.perspective,
            inpt,
            startpoints=None,
            endpoints=None,
            fill=self._fill_for(inpt),
            interpolation=self.interpolation,
            **params,
        )


class ElasticTransform(_Filled):
    """Bent by a random field. Source: Simard, Steinkraus, Platt, ICDAR 2003, section 2."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=_BILINEAR, fill=0):
        super().__init__()
        self.alpha = numbers_of_two("ElasticTransform", "alpha", alpha)
        self.sigma = numbers_of_two("ElasticTransform", "sigma", sigma)
        self.interpolation = check_mode("ElasticTransform", interpolation)
        self._set_fill(fill)

    def make_params(self, flat_inputs):
        return {
            "displacement": random_displacement(query_size(flat_inputs), self.alpha, self.sigma)
        }

    _kernel, _settings = staticmethod(F.elastic), ("fill", "interpolation")


class RandomIoUCrop(Transform):
    """SSD's random part, which overlaps a box by at least one of sampler_options; boxes whose centre is outside are
    left with no area, for SanitizeBoundingBoxes.

    Source: Liu et al., "SSD", 2016, arXiv:1512.02325, section 2.2.
    """

    def __init__(
        self, min_scale=0.3, max_scale=1.0, min_aspect_ratio=0.5, max_aspect_ratio=2.0,
        sampler_options=None, trials=40,
    ):  # fmt: skip
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = sampler_options or [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        self.trials = trials

    def check_inputs(self, flat_inputs):
        if not (
            has_all(flat_inputs, tv_tensors.BoundingBoxes)
            and has_any(flat_inputs, is_image_or_video)
        ):
            raise TypeError(
                "RandomIoUCrop: the sample must have an image or video, and BoundingBoxes."
            )

    def make_params(self, flat_inputs):
        have_h, have_w = query_size(flat_inputs)
        found = get_bounding_boxes(flat_inputs)
        boxes = F.convert_bounding_box_format(found, new_format="XYXY").as_subclass(Tensor)
        while True:
            least = self.options[int(randint(len(self.options), ()))]
            if least >= 1.0:  # the whole image
                return {}
            for _ in range(self.trials):
                w = int(have_w * uniform(self.min_scale, self.max_scale))
                h = int(have_h * uniform(self.min_scale, self.max_scale))
                if not h or not self.min_aspect_ratio <= w / h <= self.max_aspect_ratio:
                    continue
                left, top = int((have_w - w) * float(rand(()))), int((have_h - h) * float(rand(())))
                if w == 0 or left + w == left:
                    continue
                centres = (boxes[:, :2] + boxes[:, 2:]) * 0.5
                x, y = centres.unbind(-1)
                inside = (left < x) & (x < left + w) & (top < y) & (y < top + h)
                if not bool(inside.any()):
                    continue
                part = boxes.new_tensor([[left, top, left + w, top + h]])
                if float(ops.box_iou(boxes[inside], part).max()) < least:
                    continue
                return {
                    "top": top,
                    "left": left,
                    "height": h,
                    "width": w,
                    "is_within_crop_area": inside,
                }

    def transform(self, inpt, params):
        if not params:
            return inpt
        place = {key: params[key] for key in ("top", "left", "height", "width")}
        out = self._call_kernel(F.crop, inpt, **place)
        if isinstance(out, tv_tensors.BoundingBoxes):
            out.as_subclass(Tensor)[~params["is_within_crop_area"]] = 0
        return out


class _Resized(OfKernel):
    _kernel, _settings = staticmethod(F.resize), ("interpolation", "antialias")


class ScaleJitter(_Resized):
    """Resized to a random share, in scale_range, of what fits target_size. Source: arXiv:2012.07177, section 3."""

    def __init__(
        self, target_size, scale_range=(0.1, 2.0), interpolation=_BILINEAR, antialias=True
    ):
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = check_mode("ScaleJitter", interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        scale = uniform(*self.scale_range)
        factor = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * factor), int(width * factor))}


class RandomShortestSize(_Resized):
    """The shorter side of a length at random from min_size, the longer at most max_size."""

    def __init__(self, min_size, max_size=None, interpolation=_BILINEAR, antialias=True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = check_mode("RandomShortestSize", interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        shorter = self.min_size[int(randint(len(self.min_size), ()))]
        factor = shorter / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}


class RandomResize(_Resized):
    """The shorter side of a random length from min_size to below max_size."""

    def __init__(self, min_size, max_size, interpolation=_BILINEAR, antialias=True):
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = check_mode("RandomResize", interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs):
        return {"size": [int(randint(self.min_size, self.max_size, ()))]}
