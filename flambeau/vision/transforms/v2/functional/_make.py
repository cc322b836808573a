"""The functions, each made of its kernels."""

from ..... import Tensor, float32, linspace, randn, tensor, uint8
from .... import tv_tensors
from ... import _conversions, _image, _image_color, _image_warp, _pil
from ...modes import pair
from . import _points
from ._dispatch import FUNCTIONS, KERNELS, functional, handler_of


def _geometric(name, room, kernel=None, mask=True):
    """A function that moves places: images by room.kernel or _pil.kernel, boxes and keypoints by _points."""
    kernel = kernel or name
    return functional(
        name,
        getattr(room, kernel),
        pil=getattr(_pil, kernel),
        mask=mask,
        boxes=getattr(_points, f"{name}_boxes"),
        keypoints=getattr(_points, f"{name}_keypoints"),
    )


horizontal_flip = _geometric("horizontal_flip", _image, "hflip")
vertical_flip = _geometric("vertical_flip", _image, "vflip")
resize = _geometric("resize", _image)
crop = _geometric("crop", _image)
center_crop = _geometric("center_crop", _image)
resized_crop = _geometric("resized_crop", _image)


def _pad_mask(mask, padding, fill=0, padding_mode="constant"):
    if fill is not None and not isinstance(fill, int | float):
        raise ValueError(f"pad: fill is {fill}; of masks it must be one number.")
    return _image.pad(mask, padding, fill, padding_mode)


pad = _geometric("pad", _image, mask=_pad_mask)
affine = _geometric("affine", _image_warp)
rotate = _geometric("rotate", _image_warp)
perspective = _geometric("perspective", _image_warp)
elastic = _geometric("elastic", _image_warp)

for _name in """adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation adjust_sharpness autocontrast
        equalize gaussian_blur grayscale_to_rgb invert permute_channels posterize rgb_to_grayscale solarize""".split():
    functional(_name, getattr(_image_color, _name), pil=getattr(_pil, _name))

functional("erase", _image.erase, pil=_pil.erase)
functional("normalize", _image_color.normalize)


# -- dtypes


def _to_dtype(image, dtype=float32, scale=False):
    """Another dtype; with scale, integers span 0 to their maximum where floating values span [0, 1]."""
    return _image_color.convert_dtype(image, dtype) if scale else image.to(dtype)


def _to_dtype_only(inpt, dtype=float32):
    return inpt.to(dtype)


def _mask_to_dtype(mask, dtype=float32, scale=False):
    """Masks count classes or objects, so their values stay."""
    return mask.to(dtype)


to_dtype = functional(
    "to_dtype", _to_dtype, mask=_mask_to_dtype, boxes=_to_dtype_only, keypoints=_to_dtype_only
)


# -- noise and compression


def _gaussian_noise(image, mean=0.0, sigma=0.1, clip=True):
    """Normal numbers added, of mean and deviation in shares of white; clip: cut to what images hold."""
    if sigma < 0:
        raise ValueError(f"gaussian_noise: sigma is {sigma}; it must not be negative.")
    if not image.is_floating_point() and image.dtype != uint8:
        raise ValueError(f"gaussian_noise: image is {image.dtype}; it must be floating or uint8.")
    white = _image_color.bound(image)
    values = image if image.is_floating_point() else image.to(float32)
    noisy = values + mean * white + randn(values.shape, dtype=values.dtype) * (sigma * white)
    if image.is_floating_point():
        return noisy.clamp(0, 1) if clip else noisy
    if clip:
        return noisy.clamp(0, 255).to(uint8)
    return noisy.to(int).to(uint8)


def _noise_of_pil(image, mean=0.0, sigma=0.1, clip=True):
    raise ValueError("gaussian_noise: takes tensors, not images of Pillow. ToImage makes one.")


gaussian_noise = functional("gaussian_noise", _gaussian_noise, pil=_noise_of_pil)


def _jpeg(image, quality):
    """What JPEG makes of a uint8 image (..., C, H, W), C 1 or 3, at a quality of 1 to 100. Needs Pillow."""
    import io

    from PIL import Image

    if image.dtype != uint8 or image.shape[-3] not in (1, 3):
        raise ValueError(
            f"jpeg: image is {image.dtype} {tuple(image.shape)}; it must be uint8 with 1 or 3 channels."
        )
    planes = image.reshape(-1, *image.shape[-3:])
    out = planes.clone()
    for place, one in zip(out, planes):
        written = io.BytesIO()
        _conversions.to_pil_image(one).save(written, "JPEG", quality=quality)
        place.copy_(_conversions.pil_to_tensor(Image.open(written)))
    return out.view(image.shape)


jpeg = functional("jpeg", _jpeg, pil=lambda image, quality: _pil.by_tensor(image, _jpeg, quality))


def _subsample(video, num_samples):
    """num_samples frames of a video (..., T, C, H, W), evenly."""
    places = linspace(0, video.shape[-4] - 1, num_samples).long()
    return video.index_select(-4, places)


uniform_temporal_subsample = functional("uniform_temporal_subsample", _subsample)


# -- several at once


def five_crop(inpt, size):
    """(top left, top right, bottom left, bottom right, middle), each of `size`."""
    height, width = pair(size)
    have_height, have_width = get_size(inpt)
    if height > have_height or width > have_width:
        raise ValueError(
            f"five_crop: size {(height, width)} is larger than the image {(have_height, have_width)}."
        )
    corners = [(top, left) for top in (0, have_height - height) for left in (0, have_width - width)]
    cut = [crop(inpt, top, left, height, width) for top, left in corners]
    return (*cut, center_crop(inpt, [height, width]))


def ten_crop(inpt, size, vertical_flip=False):
    """five_crop of the image, and of the flipped one."""
    flip = FUNCTIONS["vertical_flip" if vertical_flip else "horizontal_flip"]
    return five_crop(inpt, size) + five_crop(flip(inpt), size)


# -- facts


def get_size(inpt):
    """[height, width] of an image, video or mask, or of the canvas."""
    if _pil.is_pil(inpt):
        return list(_pil.size(inpt))
    if isinstance(inpt, tv_tensors.BoundingBoxes | tv_tensors.KeyPoints):
        return list(inpt.canvas_size)
    if isinstance(inpt, Tensor):
        return list(inpt.shape[-2:])
    raise TypeError(
        f"get_size: takes images, videos, masks, boxes and keypoints, not {type(inpt).__name__}."
    )


def get_num_channels(inpt):
    """The number of channels of an image or video."""
    if _pil.is_pil(inpt):
        return _pil.channels(inpt)
    if not isinstance(inpt, Tensor) or isinstance(
        inpt, tv_tensors.Mask | tv_tensors.BoundingBoxes | tv_tensors.KeyPoints
    ):
        raise TypeError(f"get_num_channels: takes images and videos, not {type(inpt).__name__}.")
    return 1 if inpt.ndim == 2 else inpt.shape[-3]


def get_dimensions(inpt):
    """[channels, height, width] of an image or video."""
    return [get_num_channels(inpt), *get_size(inpt)]


def get_num_frames(inpt):
    """The number of frames of a video (..., T, C, H, W)."""
    if not isinstance(inpt, Tensor) or inpt.ndim < 4:
        raise TypeError(f"get_num_frames: takes a video, not {type(inpt).__name__}.")
    return inpt.shape[-4]


get_image_num_channels = get_num_channels


def get_image_size(inpt):
    """[width, height]."""
    return get_size(inpt)[::-1]


# -- types


def to_image(inpt):
    """A tensor (..., C, H, W), an array (H, W, C) or an image of Pillow as tv_tensors.Image."""
    if _pil.is_pil(inpt):
        inpt = _conversions.pil_to_tensor(inpt)
    elif not isinstance(inpt, Tensor):
        inpt = _conversions._from_array(inpt, "to_image")
    return tv_tensors.Image(inpt)


def to_cvcuda_tensor(inpt):
    """Nothing: tensors of CV-CUDA are not offered."""
    raise NotImplementedError("to_cvcuda_tensor: tensors of CV-CUDA are not offered.")


def cvcuda_to_tensor(cvcuda_img):
    """Nothing: tensors of CV-CUDA are not offered."""
    raise NotImplementedError("cvcuda_to_tensor: tensors of CV-CUDA are not offered.")


def is_pure_tensor(inpt):
    """Whether it is a tensor that does not say what it is."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def convert_image_dtype(image, dtype=float32):
    """to_dtype with scale, by its older name."""
    return to_dtype(image, dtype, scale=True)


# -- boxes and keypoints


def _facts(name, inpt, kind, given, error=TypeError):
    """The facts of boxes or keypoints: their own, or for plain tensors the arguments; `error` for anything else."""
    if isinstance(inpt, kind):
        if any(value is not None for value in given.values()):
            raise ValueError(f"{name}: {', '.join(given)} are the input's own; leave them out.")
        return [getattr(inpt, fact) for fact in given]
    if not is_pure_tensor(inpt):
        raise error(f"{name}: takes {kind.__name__} or plain tensors, not {type(inpt).__name__}.")
    missing = [fact for fact, value in given.items() if value is None]
    if missing:
        raise ValueError(f"{name}: of a plain tensor it needs {', '.join(missing)}.")
    return list(given.values())


def _as_format(format):
    return tv_tensors.BoundingBoxFormat[format.upper()] if isinstance(format, str) else format


def convert_bounding_box_format(inpt, old_format=None, new_format=None, inplace=False):
    """Boxes in another format; old_format is for plain tensors."""
    if new_format is None:
        raise TypeError("convert_bounding_box_format: new_format is missing.")
    new = _as_format(new_format)
    if isinstance(inpt, tv_tensors.BoundingBoxes) and old_format is not None:
        raise ValueError(
            "convert_bounding_box_format: old_format is the input's own; leave it out."
        )
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        old, values = inpt.format, inpt.as_subclass(Tensor)
    else:
        (old,) = _facts(
            "convert_bounding_box_format",
            inpt,
            tv_tensors.BoundingBoxes,
            {"old_format": old_format},
        )
        old, values = _as_format(old), inpt
    out = _points.convert_format(values, old, new)
    if inplace and out is not values and out.shape == values.shape:
        out = values.copy_(out)
    return out if values is inpt else tv_tensors.wrap(out, like=inpt, format=new)


def clamp_bounding_boxes(inpt, format=None, canvas_size=None, clamping_mode="auto"):
    """Boxes cut to their canvas; clamping_mode "auto" is the boxes' own."""
    format, canvas = _facts(
        "clamp_bounding_boxes",
        inpt,
        tv_tensors.BoundingBoxes,
        {"format": format, "canvas_size": canvas_size},
    )
    own = isinstance(inpt, tv_tensors.BoundingBoxes)
    if clamping_mode == "auto" and own:
        clamping_mode = inpt.clamping_mode
    if clamping_mode not in ("soft", "hard", None):
        raise ValueError(
            f"clamp_bounding_boxes: clamping_mode is {clamping_mode!r}; it must be 'soft', 'hard' or None, of boxes that "
            "are BoundingBoxes also 'auto'."
        )
    out = _points.clamp(inpt.as_subclass(Tensor), _as_format(format), canvas, clamping_mode)
    return tv_tensors.wrap(out, like=inpt) if own else out


def clamp_keypoints(inpt, canvas_size=None):
    """Points cut to the pixels of their canvas."""
    (canvas,) = _facts("clamp_keypoints", inpt, tv_tensors.KeyPoints, {"canvas_size": canvas_size})
    out = _points.clamp_points(inpt.as_subclass(Tensor), canvas)
    return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.KeyPoints) else out


def sanitize_bounding_boxes(
    bounding_boxes, format=None, canvas_size=None, min_size=1.0, min_area=1.0
):
    """(the boxes that lie in their canvas and are large enough, which of all they are)."""
    format, canvas = _facts(
        "sanitize_bounding_boxes",
        bounding_boxes,
        tv_tensors.BoundingBoxes,
        {"format": format, "canvas_size": canvas_size},
        error=ValueError,
    )
    values = bounding_boxes.as_subclass(Tensor)
    format = _as_format(format)
    if tv_tensors.is_rotated_bounding_format(format):
        corners = _points._convert(values, format, tv_tensors.BoundingBoxFormat.XYXYXYXY).view(
            -1, 4, 2
        )
        w, h = ((corners[:, i] - corners[:, i + 1]).square().sum(-1).sqrt() for i in (0, 1))
        low, high = corners.amin(1), corners.amax(1)
    else:
        low, high = _points._convert(values, format, tv_tensors.BoundingBoxFormat.XYXY).split(
            2, dim=-1
        )
        w, h = (high - low).unbind(-1)
    most = tensor([canvas[1], canvas[0]], device=values.device)
    valid = (w >= min_size) & (h >= min_size) & (w * h >= min_area)
    valid &= (low >= 0).all(-1) & (high <= most).all(-1)
    kept = values[valid]
    if isinstance(bounding_boxes, tv_tensors.BoundingBoxes):
        kept = tv_tensors.wrap(kept, like=bounding_boxes)
    return kept, valid


def sanitize_keypoints(key_points, canvas_size=None):
    """(the points, or groups of points, that lie in their canvas, which of all they are)."""
    (canvas,) = _facts(
        "sanitize_keypoints",
        key_points,
        tv_tensors.KeyPoints,
        {"canvas_size": canvas_size},
        error=ValueError,
    )
    values = key_points.as_subclass(Tensor)
    most = tensor([canvas[1], canvas[0]], device=values.device)
    inside = ((values >= 0) & (values < most)).all(-1)
    valid = inside.flatten(1).all(1) if inside.ndim > 1 else inside
    kept = values[valid]
    return (
        tv_tensors.wrap(kept, like=key_points)
        if isinstance(key_points, tv_tensors.KeyPoints)
        else kept
    ), valid


def known(function, inpt):
    """Whether a function takes this input."""
    return handler_of(function, inpt) is not None


# These tell themselves what an input is, so they are their own kernels.
for _function, _kinds in {
    five_crop: ("image", "video", "pil"),
    ten_crop: ("image", "video", "pil"),
    get_dimensions: ("image", "video", "pil"),
    get_num_channels: ("image", "video", "pil"),
    get_num_frames: ("video",),
    get_size: ("image", "video", "mask", "bounding_boxes", "keypoints", "pil"),
}.items():
    KERNELS[_function.__name__] = dict.fromkeys(_kinds, _function)
