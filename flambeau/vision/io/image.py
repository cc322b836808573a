"""Images between files, bytes and tensors: JPEG, PNG, WebP, GIF, AVIF, by Pillow, and JPEG by simplejpeg where it is installed.

An image is uint8 (C, H, W), bytes are uint8 (N,).
"""

import enum
import io as _io
import os

from ... import Tensor, cat, float32, frombuffer, full_like, stack, uint8, uint16
from . import _png16

__all__ = [
    "ImageReadMode", "decode_avif", "decode_gif", "decode_heic", "decode_image", "decode_jpeg", "decode_png",
    "decode_webp", "encode_jpeg", "encode_png", "read_file", "read_image", "write_file", "write_jpeg", "write_png",
]  # fmt: skip


class ImageReadMode(enum.Enum):
    """The channels that an image is read to."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGBA = 4
    RGB_ALPHA = RGBA


_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
# Pillow's modes that no channels of bytes say: what they become unchanged.
_UNFOLDED = {
    "1": "L",
    "P": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "LAB": "RGB",
    "PA": "RGBA",
}


def _pillow(name):
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            f"vision.io.{name} needs Pillow, which is not installed. Run: pip install 'flambeau[vision]'."
        ) from None
    return Image


def _mode(name, mode):
    if isinstance(mode, str):
        if mode.upper() not in ImageReadMode.__members__:
            raise ValueError(
                f"{name}: mode is {mode!r}; it must be one of {', '.join(ImageReadMode.__members__)}."
            )
        return ImageReadMode[mode.upper()]
    return ImageReadMode(mode)


# -- files


def read_file(path):
    """The bytes of a file: uint8 (N,)."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return _tensor(file.read())
    except FileNotFoundError as error:
        raise RuntimeError(f"read_file: {error}.") from error


def write_file(filename, data):
    """Bytes, uint8 (N,), into a file."""
    _bytes("write_file", data)
    with open(os.path.expanduser(filename), "wb") as file:
        file.write(data.numpy().tobytes())


def _tensor(data):
    return frombuffer(bytearray(data), dtype=uint8)


def _bytes(name, data):
    if not isinstance(data, Tensor) or data.dtype != uint8 or data.ndim != 1 or not data.numel():
        shown = (
            f"{data.dtype} {tuple(data.shape)}" if isinstance(data, Tensor) else type(data).__name__
        )
        raise RuntimeError(f"{name}: input is {shown}; it must be bytes, uint8 (N,), and some.")
    return data.numpy().tobytes()


# -- reading


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The image in bytes, uint8 (N,), or in the file of a path: uint8 (C, H, W); of a GIF with several frames (N, C, H, W).

    mode: the channels wanted, an ImageReadMode or its name. apply_exif_orientation: turned as its camera says.
    RuntimeError: it is no image.
    """
    return _decoded("decode_image", input, mode, apply_exif_orientation)


def _decoded(name, input, mode, exif=False, formats=None):
    mode = _mode(name, mode)
    data = _bytes(name, read_file(input) if isinstance(input, str | os.PathLike) else input)
    if data[:2] == b"\xff\xd8" and not exif and mode in (ImageReadMode.RGB, ImageReadMode.GRAY):
        fast = _by_simplejpeg(data, mode)
        if fast is not None:
            return fast
    if _png16.is_wide(data):
        return _in_channels(_png16.decode(name, data), mode)
    image_module = _pillow(name)
    from PIL import ImageOps, ImageSequence

    try:
        with image_module.open(_io.BytesIO(data), formats=formats) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format == "GIF":
                return stack([_planes(frame, mode) for frame in ImageSequence.Iterator(image)])
            return _planes(ImageOps.exif_transpose(image) if exif else image, mode)
    except (OSError, SyntaxError) as error:
        kinds = f"one of {', '.join(formats)}" if formats else "an image"
        raise RuntimeError(
            f"{name}: the bytes are not {kinds} that Pillow reads: {error}."
        ) from error


def _in_channels(image, mode):
    """Channels of 16 bits, uint16 (C, H, W), in a mode. Grey: ITU-R BT.601, as of 8 bits; alpha is full without one."""
    if mode == ImageReadMode.UNCHANGED:
        return image
    color, alpha = (image[:-1], image[-1:]) if len(image) in (2, 4) else (image, None)
    if mode in (ImageReadMode.GRAY, ImageReadMode.GRAY_ALPHA) and len(color) == 3:
        red, green, blue = color.to(float32)
        grey = (0.2989 * red + 0.587 * green + 0.1141 * blue).round()[None]
        color = grey.clamp(max=2**16 - 1).to(uint16)
    elif mode in (ImageReadMode.RGB, ImageReadMode.RGBA) and len(color) == 1:
        color = cat([color] * 3)
    if mode in (ImageReadMode.GRAY, ImageReadMode.RGB):
        return color
    return cat([color, full_like(color[:1], 2**16 - 1) if alpha is None else alpha])


def _planes(image, mode):
    import numpy

    from ... import from_numpy

    wanted = _MODES.get(mode)
    if wanted is None and image.format == "PNG" and image.mode == "P":
        # Unchanged are the numbers of its colours.
        return from_numpy(numpy.array(image))[None]
    if wanted is None and image.mode == "CMYK":
        return 255 - _as_it_lies(image)  # ink, where Pillow has light
    if wanted is None:
        wanted = _UNFOLDED.get(image.mode, image.mode)
        if image.mode == "P" and "transparency" in image.info:
            wanted = "RGBA"
    return _as_it_lies(image if image.mode == wanted else image.convert(wanted))


def _as_it_lies(image):
    """An image of Pillow as (C, H, W), the channels of a pixel side by side in memory, as decoders give them."""
    import numpy

    from ... import from_numpy

    array = numpy.array(image)
    return from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


def _by_simplejpeg(data, mode):
    try:
        import simplejpeg
    except ImportError:
        return None
    from ... import from_numpy

    space = "RGB" if mode == ImageReadMode.RGB else "Gray"
    try:
        array = simplejpeg.decode_jpeg(data, colorspace=space)
    except ValueError:  # what it does not know (CMYK), Pillow may
        return None
    return from_numpy(array).permute(2, 0, 1)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """decode_image of a file."""
    return _decoded("read_image", read_file(path), mode, apply_exif_orientation)


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """decode_image of JPEG; a list of bytes gives a list."""
    if isinstance(input, list | tuple):
        return [decode_jpeg(one, mode, device, apply_exif_orientation) for one in input]
    return _decoded("decode_jpeg", input, mode, apply_exif_orientation, ["JPEG"]).to(device)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """decode_image of PNG."""
    return _decoded("decode_png", input, mode, apply_exif_orientation, ["PNG"])


def decode_gif(input):
    """decode_image of GIF, as RGB: (3, H, W), of several frames (N, 3, H, W)."""
    return _decoded("decode_gif", input, ImageReadMode.RGB, formats=["GIF"])


def decode_webp(input, mode=ImageReadMode.UNCHANGED):
    """decode_image of WebP."""
    return _decoded("decode_webp", input, mode, formats=["WEBP"])


def decode_avif(input, mode=ImageReadMode.UNCHANGED):
    """decode_image of AVIF, where Pillow has it."""
    return _decoded("decode_avif", input, mode, formats=["AVIF"])


def decode_heic(input, mode=ImageReadMode.UNCHANGED):
    """decode_image of HEIC, where a plugin of Pillow has it."""
    return _decoded("decode_heic", input, mode, formats=["HEIF"])


# -- writing


def _encoded(name, input, format, **options):
    if (
        not isinstance(input, Tensor)
        or input.dtype != uint8
        or input.ndim != 3
        or input.shape[0] not in (1, 3)
    ):
        shown = (
            f"{input.dtype} {tuple(input.shape)}"
            if isinstance(input, Tensor)
            else type(input).__name__
        )
        raise RuntimeError(
            f"{name}: input is {shown}; it must be uint8 (C, H, W) of 1 or 3 channels."
        )
    _pillow(name)
    from ..transforms._conversions import to_pil_image

    written = _io.BytesIO()
    to_pil_image(input).save(written, format, **options)
    return _tensor(written.getvalue())


def encode_jpeg(input, quality=75):
    """An image, uint8 (C, H, W), as the bytes of a JPEG of quality 1 to 100; a list gives a list."""
    if not 1 <= quality <= 100:
        raise ValueError(f"encode_jpeg: quality is {quality}; it must lie in 1 to 100.")
    if isinstance(input, list | tuple):
        return [encode_jpeg(one, quality) for one in input]
    return _encoded("encode_jpeg", input, "JPEG", quality=quality)


def encode_png(input, compression_level=6):
    """An image, uint8 (C, H, W), as the bytes of a PNG; compression_level: 0 to 9."""
    if not 0 <= compression_level <= 9:
        raise RuntimeError(
            f"encode_png: compression_level is {compression_level}; it must lie in 0 to 9."
        )
    return _encoded("encode_png", input, "PNG", compress_level=compression_level)


def write_jpeg(input, filename, quality=75):
    """encode_jpeg into a file."""
    write_file(filename, encode_jpeg(input, quality))


def write_png(input, filename, compression_level=6):
    """encode_png into a file."""
    write_file(filename, encode_png(input, compression_level))
