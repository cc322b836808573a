"""Every function of transforms on bytes, floats and images of Pillow, against Pillow and torchvision."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.vision import transforms, tv_tensors
from flambeau.vision.transforms import InterpolationMode
from flambeau.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")
rng = np.random.default_rng(0)


def picture(i=0):
    """Smooth colours with noise, uint8 (H, W, 3)."""
    h, w = [(64, 80), (97, 61), (33, 47)][i % 3]
    coarse = Image.fromarray((rng.random((6, 8, 3)) * 255).astype("uint8"))
    smooth = np.asarray(coarse.resize((w, h), Image.Resampling.BICUBIC)).astype(float)
    return np.clip(smooth + rng.normal(0, 12, (h, w, 3)), 0, 255).astype("uint8")


SQUARE = [[0, 0], [46, 0], [46, 32], [0, 32]], [[4, 3], [40, 2], [44, 30], [2, 29]]
# name, arguments, the largest mean difference from Pillow in grey levels (None: Pillow does something else)
CASES = [
    ("resize", ((40, 50),), 0.6),
    ("resize", ([30], "bicubic"), 0.6),
    ("resize", ((200, 170), "bicubic"), 0.6),
    ("resize", ((49, 21), "nearest-exact"), 0),
    ("center_crop", ((30, 40),), 0),
    ("center_crop", ((160, 100),), 0),
    ("crop", (5, -3, 40, 30), 0),
    ("pad", ([3, 5],), 0),
    ("pad", ([3, 5, 1, 2], 7), 0),
    ("pad", ([4], 0, "reflect"), 0),
    ("pad", ([4], 0, "edge"), 0),
    ("pad", ([4], 0, "symmetric"), 0),
    ("hflip", (), 0),
    ("vflip", (), 0),
    ("adjust_brightness", (1.7,), 1),
    ("adjust_contrast", (0.4,), 1),
    ("adjust_saturation", (1.8,), 1),
    ("adjust_hue", (0.2,), 4),
    ("adjust_gamma", (0.7,), 1),
    ("adjust_sharpness", (0.3,), 1),
    ("rgb_to_grayscale", (), 1),
    ("rgb_to_grayscale", (3,), 1),
    ("invert", (), 0),
    ("posterize", (3,), 0),
    ("solarize", (120,), 0),
    ("autocontrast", (), 1),
    ("equalize", (), 0),
    ("gaussian_blur", ([5, 3],), 0),
    ("gaussian_blur", ([7, 7], [1.3, 0.8]), 0),
    ("rotate", (30,), 1.5),
    ("rotate", (45, "bilinear", True), 1.5),
    ("rotate", (90, "nearest", True), 0),
    ("rotate", (-70, "bilinear", False, [10, 20], [5]), 1.5),
    ("affine", (20, [3, 5], 1.2, [10.0, 4.0]), 1.5),
    ("affine", (20, [3, 5], 0.8, [10.0, 4.0], "bilinear", [9]), 1.5),
    ("perspective", SQUARE, 1.5),
    ("perspective", (*SQUARE, "nearest"), 1.5),
    ("resized_crop", (3, 4, 20, 25, (30, 30)), 0.6),
]
NAMES = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def call(module, modes, name, image, args):
    words = {mode.value for mode in InterpolationMode}
    args = tuple(modes(a) if isinstance(a, str) and a in words else a for a in args)
    return getattr(module, name)(image, *args)


def as_array(image):
    if isinstance(image, Image.Image):
        array = np.asarray(image)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return image.numpy()


@pytest.mark.parametrize("name, args, most", CASES, ids=NAMES)
def test_tensors_and_pillow_agree(name, args, most):
    array = picture()
    ours = call(F, InterpolationMode, name, torch.from_numpy(array.transpose(2, 0, 1).copy()), args)
    assert ours.dtype == torch.uint8
    theirs = call(F, InterpolationMode, name, Image.fromarray(array), args)
    assert isinstance(theirs, Image.Image)
    a, b = as_array(ours).astype(float), as_array(theirs).astype(float)
    if name in ("rotate", "affine", "perspective"):
        a, b = a[:, 4:-4, 4:-4], b[:, 4:-4, 4:-4]  # Pillow fills its border otherwise
    assert a.shape == b.shape
    assert np.abs(a - b).mean() <= most


@pytest.mark.parametrize("name, args, most", CASES, ids=NAMES)
def test_images_are_torchvision_s(name, args, most):
    reference = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchvision").transforms
    for i in range(3):
        array = picture(i)
        planes = array.transpose(2, 0, 1).copy()
        kinds = {"bytes": planes, "floats": (planes / 255).astype("float32"), "pillow": None}
        for kind, values in kinds.items():
            if kind == "floats" and name in ("posterize", "solarize", "equalize"):
                continue
            x = Image.fromarray(array) if values is None else reference.from_numpy(values)
            y = Image.fromarray(array) if values is None else torch.from_numpy(values)
            wanted = call(theirs.functional, theirs.InterpolationMode, name, x, args)
            got = call(F, InterpolationMode, name, y, args)
            scale = 255 if kind == "floats" else 1
            assert (
                np.abs(as_array(got).astype(float) - as_array(wanted).astype(float)).max() * scale
                <= 1
            )


def test_a_batch_is_each_of_its_images():
    images = torch.from_numpy(np.stack([picture().transpose(2, 0, 1) for _ in range(3)]))
    for name, args, _ in CASES:
        batch = call(F, InterpolationMode, name, images, args)
        alone = torch.stack([call(F, InterpolationMode, name, image, args) for image in images])
        assert torch.equal(batch, alone), name


CLASSES = [
    ("RandomResizedCrop", (24,)), ("RandomRotation", (30,)), ("RandomAffine", (10, (0.1, 0.1), (0.8, 1.2), 5)),
    ("RandomPerspective", (0.5, 1.0)), ("ElasticTransform", (20.0,)), ("ColorJitter", (0.4, 0.4, 0.4, 0.1)),
    ("GaussianBlur", (3,)), ("RandomGrayscale", (1.0,)), ("RandomInvert", (1.0,)), ("RandomPosterize", (3, 1.0)),
    ("RandomSolarize", (100, 1.0)), ("RandomAdjustSharpness", (2, 1.0)), ("RandomAutocontrast", (1.0,)),
    ("RandomEqualize", (1.0,)), ("Grayscale", (3,)), ("AutoAugment", ()), ("RandAugment", ()),
    ("TrivialAugmentWide", ()), ("AugMix", ()), ("RandomCrop", (20,)), ("FiveCrop", (20,)), ("TenCrop", (20,)),
]  # fmt: skip


@pytest.mark.parametrize("name, args", CLASSES)
def test_classes_take_pillow_and_tensors(name, args):
    transform = getattr(transforms, name)(*args)
    array = picture()
    for image in (Image.fromarray(array), torch.from_numpy(array.transpose(2, 0, 1).copy())):
        for _ in range(4 if "Aug" in name else 1):
            out = transform(image)
            for one in out if isinstance(out, tuple) else [out]:
                assert type(one) is type(image)
                if isinstance(one, torch.Tensor):
                    assert one.dtype == torch.uint8
    assert repr(transform).startswith(name)


def test_erasing():
    x = torch.ones(3, 20, 30)
    out = transforms.RandomErasing(p=1.0, value=(5, 6, 7))(x)
    assert x.min() == 1 and [float(c.max()) for c in out] == [5, 6, 7]
    assert transforms.RandomErasing(p=1.0, value="random")(x).std() > 0
    with pytest.raises(ValueError, match="value has 2 numbers"):
        transforms.RandomErasing(p=1.0, value=(5, 6))(x)


def test_transforms_of_transforms():
    add = [transforms.Lambda(lambda x: x + 1), transforms.Lambda(lambda x: x * 10)]
    x = torch.ones(1)
    assert float(transforms.RandomApply(add, p=1.0)(x)) == 20
    assert float(transforms.RandomApply(add, p=0.0)(x)) == 1
    assert float(transforms.RandomChoice(add, p=[0, 1])(x)) == 10
    assert {float(transforms.RandomOrder(add)(x)) for _ in range(30)} == {20, 11}


def test_whitening():
    x = torch.rand(2, 1, 2, 2)
    white = transforms.LinearTransformation(torch.eye(4) * 2, torch.ones(4))
    assert torch.allclose(white(x), (x - 1) * 2)
    with pytest.raises(ValueError, match="has 3 values; the matrix takes 4"):
        white(torch.rand(1, 1, 3))


def test_the_learned_policies_have_25_entries():
    for policy in transforms.AutoAugmentPolicy:
        policies = transforms.AutoAugment(policy).policies
        assert len(policies) == 25 and all(len(steps) == 2 for steps in policies)


def test_what_cannot_be():
    x = torch.zeros(3, 8, 8, dtype=torch.uint8)
    with pytest.raises(
        NotImplementedError, match=r"resize: interpolation is 'lanczos'; of tensors"
    ):
        F.resize(x, (4, 4), InterpolationMode.LANCZOS)
    with pytest.raises(ValueError, match="there are 2 values for 3 channels"):
        F.rotate(x, 10, fill=[1, 2])
    with pytest.raises(ValueError, match="hue_factor is 0.7"):
        F.adjust_hue(x, 0.7)
    with pytest.raises(ValueError, match="kernel_size is 4"):
        F.gaussian_blur(x, 4)
    with pytest.raises(ValueError, match=r"kernel_size is \[3\]"):
        F.gaussian_blur(x, [3])
    with pytest.raises(TypeError, match="channels"):
        F.adjust_contrast(x[:2], 0.5)
    with pytest.raises(TypeError, match="'sideways'"):
        F.resize(x, (4, 4), "sideways")


def test_dimensions():
    assert F.get_dimensions(Image.fromarray(picture())) == [3, 64, 80]
    assert F.get_image_size(torch.zeros(2, 3, 4, 5)) == [5, 4]
    assert F.get_image_num_channels(torch.zeros(4, 5)) == 1


def test_pillow_antialiases_always():
    image = Image.fromarray(picture())
    with pytest.warns(UserWarning, match="antialias=False does nothing"):
        plain = F.resize(image, (20, 20), antialias=False)
    assert plain == F.resize(image, (20, 20))


@pytest.mark.parametrize("padding_mode", ["edge", "reflect", "symmetric"])
def test_padding_moves_values_of_every_mode(padding_mode):
    """Indices of a palette, single bits and 16 bits are no colours to mix, but they move."""
    colours = Image.fromarray(picture())
    deep = np.asarray(colours.convert("L")).astype("uint16") * 257
    for image in (colours.quantize(16), colours.convert("1"), Image.fromarray(deep)):
        made = F.pad(image, (1, 2, 3, 0), padding_mode=padding_mode)
        wanted = np.pad(np.asarray(image), [(2, 0), (1, 3)], padding_mode)
        assert (made.mode, made.getpalette()) == (image.mode, image.getpalette())
        np.testing.assert_array_equal(np.asarray(made), wanted)


@pytest.mark.parametrize("padding_mode", ["constant", "edge", "reflect", "symmetric"])
def test_padding_takes_no_more_than_there_is(padding_mode):
    image = Image.fromarray(picture()[:4, :5])
    bytes_of_it = F.pil_to_tensor(image)
    assert F.pad(bytes_of_it, [-2, -1, -2, -2], padding_mode=padding_mode).shape == (3, 1, 1)
    for border in ([-3, 0, -3, 0], [0, -5, 0, 0]):
        with pytest.raises(ValueError, match=r"pad: a border of .* takes more than the image"):
            F.pad(image, border, padding_mode=padding_mode)
        with pytest.raises(RuntimeError, match="of height 4 and width 5"):
            F.pad(bytes_of_it, border, padding_mode=padding_mode)


def test_single_bits_are_bool():
    image = Image.fromarray(np.arange(15).reshape(3, 5) % 2 == 0)
    bits = F.pil_to_tensor(image)
    assert bits.dtype == torch.bool and bits.tolist() == [np.asarray(image).tolist()]
    assert tv_tensors.Mask(image).dtype == torch.bool
    for floats in (F.to_tensor(image), F.convert_image_dtype(bits, torch.float32)):
        assert floats.dtype == torch.float32 and torch.equal(floats, bits.float())
    assert F.convert_image_dtype(torch.tensor([0.0, 0.7, 1.0]), torch.bool).tolist() == [
        False,
        True,
        True,
    ]
