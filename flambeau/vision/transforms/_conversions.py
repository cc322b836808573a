"""Between images of Pillow, arrays (H, W, C) and tensors (C, H, W)."""

from ... import Tensor, float32, from_numpy, get_default_dtype, int16, uint8, uint16
from ... import bool as bool_
from . import _pil_pixels
from ._image_color import to_float
from ._pil import is_pil


def _from_array(array, name="to_tensor"):
    import numpy

    if not isinstance(array, numpy.ndarray):
        raise TypeError(f"{name}: takes a PIL image or an array, not {type(array).__name__}.")
    if array.ndim not in (2, 3):
        raise ValueError(f"{name}: an array of {array.ndim} dims is no image; it must have 2 or 3.")
    if array.ndim == 2:
        array = array[:, :, None]
    return from_numpy(numpy.ascontiguousarray(array.transpose(2, 0, 1)))


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of its own dtype; that of mode "1" is bool."""
    import numpy

    if not is_pil(pic):
        raise TypeError(f"pil_to_tensor: takes a PIL image, not {type(pic).__name__}.")
    seen = _pil_pixels.planes(pic)
    if seen is not None:
        return seen
    return _from_array(numpy.array(pic))


def to_tensor(pic):
    """A PIL image, an array (H, W) or (H, W, C), or a tensor (..., C, H, W), as ToTensor's.

    uint8 becomes float32 divided by 255; other dtypes keep their values.
    """
    if not isinstance(pic, Tensor):
        if is_pil(pic) and get_default_dtype() is float32:
            seen = _pil_pixels.planes(pic, floating=True)
            if seen is not None:
                return seen
        pic = _read(pil_to_tensor(pic)) if is_pil(pic) else _from_array(pic)
    return to_float(pic)


def _read(image):
    """ToTensor reads 16 bits as int16, and single bits as 0.0 and 1.0."""
    if image.dtype == bool_:
        return image.to(get_default_dtype())
    return image.to(int16) if image.dtype == uint16 else image


# What Pillow can show: dtype and channels of an array -> mode.
_MODES = {
    ("|u1", 1): "L",
    ("<i2", 1): "I;16",
    ("<i4", 1): "I",
    ("<f4", 1): "F",
    ("|u1", 2): "LA",
    ("|u1", 3): "RGB",
    ("|u1", 4): "RGBA",
}
_OTHER_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or (H, W), or an array (H, W, C), as a PIL image. Needs Pillow.

    Floating values become bytes, 255 times as large, unless mode is "F".
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "vision.transforms.to_pil_image needs Pillow, which is not installed. "
            "Run: pip install 'flambeau[vision]'."
        ) from None
    import numpy

    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(f"to_pil_image: {pic.ndim} dims are no image; it must have 2 or 3.")
        if pic.is_floating_point() and mode != "F":
            pic = pic.mul(255).to(uint8)
        array = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy()
    else:
        array = pic
        if not isinstance(array, numpy.ndarray):
            raise TypeError(f"to_pil_image: takes a tensor or an array, not {type(pic).__name__}.")
        if array.ndim not in (2, 3):
            raise ValueError(f"to_pil_image: {array.ndim} dims are no image; it must have 2 or 3.")
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(numpy.uint8)
    channels = 1 if array.ndim == 2 else array.shape[2]
    natural = _MODES.get((array.dtype.str, channels))
    if natural is None:
        kind = TypeError if channels <= 4 else ValueError
        raise kind(
            f"to_pil_image: {channels} channels of {array.dtype} are no image of Pillow; bytes may have 1 to 4 channels."
        )
    if mode is not None and mode != natural and mode not in _OTHER_MODES.get(channels, ()):
        raise ValueError(
            f"to_pil_image: mode is {mode!r}, but {channels} channels of {array.dtype} are {natural!r}."
        )
    array = numpy.ascontiguousarray(array[:, :, 0] if channels == 1 and array.ndim == 3 else array)
    mode, sizes = mode or natural, (array.shape[1], array.shape[0])
    # Not fromarray, which makes "I" of 16 bits.
    return Image.frombuffer(mode, sizes, array, "raw", mode, 0, 1)
