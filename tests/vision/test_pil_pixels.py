"""Pixels of Pillow's images where they lie, against what Pillow itself makes of them."""

import os
import pickle
import subprocess
import sys

import numpy
import pytest

import flambeau as torch
from flambeau import _core
from flambeau.vision.transforms import InterpolationMode, _pil_pixels
from flambeau.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")
if not hasattr(Image.Image, "__arrow_c_array__"):
    pytest.skip("this Pillow has no Arrow interface", allow_module_level=True)

MODES = {InterpolationMode.BILINEAR: 2, InterpolationMode.BICUBIC: 3}


def picture(height=75, width=100, mode="RGB"):
    rng = numpy.random.default_rng(height + width)
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    return Image.fromarray(rng.integers(0, 256, shape, dtype="uint8"))


@pytest.mark.parametrize("mode", MODES)
def test_resize_is_pillows_to_the_bit(mode):
    rng = numpy.random.default_rng(0)
    have = [(1, 1), (1, 9), (9, 1), (2, 3), (75, 100), (300, 20), (20, 300)]
    want = [(1, 1), (1, 40), (40, 1), (17, 16), (33, 257), *rng.integers(1, 90, (6, 2)).tolist()]
    for image in (picture(*size) for size in have):
        for size in want:
            made = F.resize(image, size, mode)
            assert made.size == tuple(size[::-1])
            assert made.tobytes() == image.resize(size[::-1], MODES[mode]).tobytes()


@pytest.mark.parametrize(
    "box", [(0, 0, 75, 100), (10, 20, 30, 40), (74, 99, 1, 1), (70, 90, 20, 20)]
)
def test_resized_crop_is_pillows(box):
    top, left, height, width = box
    image = picture()
    want = image.crop((left, top, left + width, top + height)).resize((31, 17), 2)
    assert F.resized_crop(image, *box, [17, 31]).tobytes() == want.tobytes()


@pytest.mark.parametrize("level", ["portable", "avx2"])
def test_other_vectors_give_the_same(level):
    program = (
        "import numpy, flambeau; from PIL import Image; from flambeau.vision.transforms import functional as F\n"
        "image = Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype='uint8'))\n"
        "for size in ((9, 23), (33, 61), (40, 7)):\n"
        "    assert F.resize(image, size).tobytes() == image.resize(size[::-1], 2).tobytes()\n"
        "assert (F.pil_to_tensor(image).numpy().transpose(1, 2, 0) == numpy.asarray(image)).all()\n"
    )
    environment = {**os.environ, "FLAMBEAU_CPU": level}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)


@pytest.mark.parametrize("size", [(1, 1), (7, 65), (75, 100)])
def test_tensors_of_images(size):
    image = picture(*size)
    planes = numpy.asarray(image).transpose(2, 0, 1)
    assert (F.pil_to_tensor(image).numpy() == planes).all()
    floating = F.to_tensor(image)
    assert floating.dtype == torch.float32 and floating.is_contiguous()
    assert (floating.numpy() == planes.astype("float32") / 255).all()
    kept = F.pil_to_tensor(image).fill_(3)
    assert (kept == 3).all() and numpy.asarray(image).max() > 3  # a copy


def test_to_tensor_keeps_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert F.to_tensor(picture()).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_other_modes_are_left_to_pillow(mode):
    image = picture(mode=mode)
    assert _pil_pixels.of_image(image) is None
    assert F.resize(image, [20, 30]).tobytes() == image.resize((30, 20), 2).tobytes()
    assert F.pil_to_tensor(image).shape == (len(mode), 75, 100)


def test_images_in_several_pieces_are_left_to_pillow():
    image = Image.new("RGB", (4000, 1100), (1, 2, 3))
    assert _pil_pixels.of_image(image) is None
    assert F.pil_to_tensor(image).amax((1, 2)).tolist() == [1, 2, 3]


def test_made_images_live_on_their_own():
    made = F.resize(picture(), [20, 30])
    kept = made.tobytes()
    other = made.copy()
    other.putpixel((0, 0), (1, 2, 3))
    assert pickle.loads(pickle.dumps(made)).tobytes() == made.tobytes() == kept
    made.putpixel((1, 1), (4, 5, 6))
    assert made.getpixel((1, 1)) == (4, 5, 6) and other.getpixel((0, 0)) == (1, 2, 3)


def test_an_order_that_is_not_pillows_is_not_used(monkeypatch):
    image = picture()
    _pil_pixels._order.cache_clear()
    monkeypatch.setattr(_core, "_resample_pixels", lambda pixels, *args: pixels.clone())
    try:
        assert _pil_pixels._order() is None
        assert F.resize(image, [20, 30]).tobytes() == image.resize((30, 20), 2).tobytes()
    finally:
        _pil_pixels._order.cache_clear()


def test_arrow_takes_bytes_alone():
    lent = _core._to_arrow(torch.arange(8, dtype=torch.uint8).view(2, 4))
    taken = _core._from_arrow(*lent)
    assert taken.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(TypeError, match="taken before"):
        _core._from_arrow(*lent)
    with pytest.raises(RuntimeError, match="_to_arrow: input is float32"):
        _core._to_arrow(torch.zeros(8))
    with pytest.raises(ValueError, match="PyCapsule"):
        _core._from_arrow(lent[1], lent[0])
    with pytest.raises(RuntimeError, match="planes: pixels are"):
        _core._planes(torch.zeros(2, 3, 3, dtype=torch.uint8), 3, False)
