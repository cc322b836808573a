"""Transforms of images."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.vision import transforms
from flambeau.vision.transforms import functional as F


def image(c=1, h=4, w=5):
    return torch.arange(c * h * w).view(c, h, w).to(torch.uint8)


def test_to_tensor():
    x = transforms.ToTensor()(image() * 12)
    assert x.dtype == torch.float32
    assert abs(float(x[0, 0, 1]) - 12 / 255) < 1e-7
    numpy = pytest.importorskip("numpy")
    y = transforms.ToTensor()(numpy.arange(24, dtype="uint8").reshape(2, 4, 3))
    assert y.shape == (3, 2, 4)
    assert (y[:, 0, 1] * 255).round().tolist() == [3, 4, 5]
    assert transforms.ToTensor()(numpy.zeros((2, 3))).shape == (1, 2, 3)
    with pytest.raises(TypeError, match="str"):
        transforms.ToTensor()("x")


def test_pil():
    Image = pytest.importorskip("PIL.Image")
    picture = transforms.ToPILImage()(image())
    assert isinstance(picture, Image.Image)
    assert picture.size == (5, 4)
    assert transforms.PILToTensor()(picture).tolist() == image().tolist()
    colour = transforms.ToPILImage()(torch.rand(3, 4, 5))
    assert colour.mode == "RGB"
    assert transforms.ToTensor()(colour).shape == (3, 4, 5)


def test_normalize():
    x = torch.ones(2, 3, 3, 3)
    y = transforms.Normalize([0.5, 1, 0], [0.5, 1, 2])(x)
    assert y[1, :, 0, 0].tolist() == [1, 0, 0.5]
    with pytest.raises(
        TypeError, match=r"normalize: the image is torch\.uint8, but it must be floating"
    ):
        F.normalize(image(), [0.5], [0.5])
    each = torch.rand(x.shape[-3:])  # of its own for each pixel
    assert torch.equal(F.normalize(x, each, each + 1), (x - each) / (each + 1))
    with pytest.raises(ValueError, match="normalize: std is 0 in a channel"):
        F.normalize(x, [0.5], [0])


def test_convert_image_dtype():
    x = torch.tensor([[0, 255]], dtype=torch.uint8)
    assert F.convert_image_dtype(x).tolist() == [[0, 1]]
    assert F.convert_image_dtype(F.convert_image_dtype(x), torch.uint8).tolist() == [[0, 255]]
    assert F.convert_image_dtype(x, torch.int16).tolist() == [[0, 255 * 128]]
    assert F.convert_image_dtype(torch.tensor([[256]], dtype=torch.int16), torch.uint8).item() == 2
    assert F.convert_image_dtype(torch.tensor([0.0, 1]), torch.uint8).tolist() == [0, 255]


@pytest.mark.parametrize(
    "dtype, mode", [("uint8", "L"), ("int16", "I;16"), ("int32", "I"), ("float32", "L")]
)
def test_dtypes_of_pictures(dtype, mode):
    pytest.importorskip("PIL.Image")
    array = np.array([[0, 1], [1, 0]], dtype)
    shown = F.to_pil_image(array)
    assert shown.mode == mode and shown.mode == F.to_pil_image(torch.from_numpy(array)).mode
    levels = array * 255 if dtype == "float32" else array
    assert np.asarray(shown).tolist() == levels.tolist()
    if dtype == "int16":
        assert F.to_tensor(shown).dtype is torch.int16
    if dtype == "float32":
        assert np.asarray(F.to_pil_image(array, "F")).tolist() == array.tolist()


def test_sharpness_leaves_the_border():
    x = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    out = F.adjust_sharpness(x, 0.1)
    inner = torch.zeros(16, 16, dtype=torch.bool)
    inner[1:-1, 1:-1] = True
    assert torch.equal(out[0][~inner], x[0][~inner])
    x[0, 8, 8] = 255
    assert F.adjust_sharpness(x, 0.1)[0, 8, 8] < 255


def test_crops_and_flips():
    x = image()
    assert F.crop(x, 1, 2, 2, 2).tolist() == [[[7, 8], [12, 13]]]
    assert F.crop(x, -1, -1, 2, 2).tolist() == [[[0, 0], [0, 0]]]
    assert transforms.CenterCrop(2)(x).tolist() == [[[7, 8], [12, 13]]]
    assert transforms.CenterCrop((6, 5))(x)[0, :, 1].tolist() == [0, 1, 6, 11, 16, 0]
    assert F.hflip(x)[0, 0].tolist() == [4, 3, 2, 1, 0]
    assert F.vflip(x)[0, :, 0].tolist() == [15, 10, 5, 0]
    assert transforms.RandomHorizontalFlip(1.0)(x).tolist() == F.hflip(x).tolist()
    assert transforms.RandomVerticalFlip(0.0)(x).tolist() == x.tolist()


def test_random_crop():
    x = image()
    seen = {tuple(transforms.RandomCrop(2)(x).flatten().tolist()) for _ in range(200)}
    assert len(seen) == 3 * 4
    assert transforms.RandomCrop(4, padding=2)(x).shape == (1, 4, 4)
    assert transforms.RandomCrop(9, pad_if_needed=True)(x).shape == (1, 9, 9)
    with pytest.raises(
        ValueError, match=r"RandomCrop: the crop \(9, 9\) is larger than the image \(4, 5\)"
    ):
        transforms.RandomCrop(9)(x)


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("constant", [9, 9, 0, 1, 2, 3, 4, 9]),
        ("edge", [0, 0, 0, 1, 2, 3, 4, 4]),
        ("reflect", [2, 1, 0, 1, 2, 3, 4, 3]),
        ("symmetric", [1, 0, 0, 1, 2, 3, 4, 4]),
    ],
)
def test_pad(mode, row):
    padded = transforms.Pad((2, 0, 1, 1), fill=9, padding_mode=mode)(image())
    assert padded.shape == (1, 5, 8)
    assert padded[0, 0].tolist() == row


def test_resize():
    x = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    assert transforms.Resize((2, 2))(x).tolist() == x.tolist()
    up = transforms.Resize((4, 4))(x)
    assert up[0, 0].tolist() == [0, 0.25, 0.75, 1]
    assert up[0, :, 0].tolist() == [0, 0.5, 1.5, 2]
    nearest = transforms.Resize(4, transforms.InterpolationMode.NEAREST)(x)
    assert nearest[0, 0].tolist() == [0, 0, 1, 1]
    assert transforms.Resize((1, 1))(x).item() == 1.5
    assert transforms.Resize(2)(image(1, 4, 8)).shape == (1, 2, 4)
    assert transforms.Resize(4, max_size=6)(image(1, 4, 8)).shape == (1, 3, 6)
    assert transforms.Resize((8, 8))(image()).dtype == torch.uint8


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("sizes", [((8, 8), (32, 32)), ((9, 7), (4, 3)), ((5, 12), (7, 5))])
def test_resize_equals_pytorch(antialias, sizes):
    pytorch = pytest.importorskip("torch")
    have, want = sizes
    x = torch.rand(2, 3, *have)
    expected = pytorch.nn.functional.interpolate(
        pytorch.tensor(x.tolist()), want, mode="bilinear", antialias=antialias
    )
    got = F.resize(x, want, antialias=antialias)
    assert (got - torch.tensor(expected.tolist())).abs().max() < 1e-5


def test_compose_and_repr():
    chain = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x + 1)])
    assert float(chain(image())[0, 0, 0]) == 1
    assert repr(chain) == "Compose(\n    ToTensor()\n    Lambda()\n)"
    with pytest.raises(TypeError, match="callable"):
        transforms.Lambda(3)


def test_blur_takes_numbers():
    for given in (("x", 1.0), (3, "x")):
        with pytest.raises(TypeError, match="gaussian_blur: .* is 'x'; it must be a number or two"):
            F.gaussian_blur(image(), *given)
    for given in ((3, "x"), ([3, 3, 3], 1.0), (3, [1, 2, 3])):
        with pytest.raises(ValueError, match="sigma is|size must be"):
            transforms.GaussianBlur(*given)
    assert transforms.GaussianBlur([3]).kernel_size == [3, 3]


def test_matrices_have_the_names_that_programs_ask_for():
    matrix = F._get_inverse_affine_matrix([1, 2], angle=0, translate=[3, 4], scale=1, shear=[0, 0])
    assert matrix == pytest.approx([1, 0, -3, 0, 1, -4])
    corners = [[0, 0], [3, 0], [3, 3], [0, 3]]
    wanted = [1, 0, 0, 0, 1, 0, 0, 0]
    assert F._get_perspective_coeffs(corners, corners) == pytest.approx(wanted, abs=1e-5)


_WRONG = [
    ("RandomRotation", {"degrees": None}, TypeError, "degrees is None"),
    ("RandomRotation", {"degrees": (1, 2, 3)}, ValueError, "a number or"),
    ("RandomRotation", {"degrees": 1, "fill": {}}, TypeError, "fill is {}"),
    ("RandomRotation", {"degrees": 1, "center": 3}, TypeError, "center is 3"),
    ("RandomAffine", {"degrees": 1, "translate": (0.1,)}, ValueError, "two numbers"),
    ("RandomAffine", {"degrees": 1, "scale": {}}, TypeError, "two numbers"),
    ("RandomAffine", {"degrees": 1, "shear": (1, 2, 3)}, ValueError, "shear is"),
    ("RandomAffine", {"degrees": 1, "interpolation": -1}, TypeError, "interpolation is -1"),
    ("RandomPerspective", {"fill": {}}, TypeError, "fill is {}"),
    ("ElasticTransform", {"fill": {}}, TypeError, "fill is {}"),
    ("ElasticTransform", {"alpha": True}, TypeError, "alpha is True"),
    ("ElasticTransform", {"sigma": [1.0, True]}, TypeError, "sigma is"),
    ("ElasticTransform", {"sigma": [1.0, 0.0, 1.0]}, ValueError, "sigma is"),
    ("Resize", {"size": None}, TypeError, "size is None"),
    ("Resize", {"size": (1, 2, 3)}, ValueError, "one or two"),
    ("Pad", {"padding": 1, "fill": None}, TypeError, "fill is None"),
    ("v2.Resize", {"size": (1, 2, 3)}, ValueError, "one or two"),
    ("v2.CutMix", {"alpha": 0.0}, ValueError, "above 0"),
    ("v2.MixUp", {"alpha": -1.0}, ValueError, "above 0"),
]


@pytest.mark.parametrize("name, arguments, error, text", _WRONG)
def test_wrong_arguments_are_told_when_a_transform_is_made(name, arguments, error, text):
    from flambeau.vision.transforms import v2

    kind = getattr(v2, name[3:]) if name.startswith("v2.") else getattr(transforms, name)
    with pytest.raises(error, match=f"^{name.removeprefix('v2.')}: .*{text}"):
        kind(**arguments)


def test_numbers_of_pillow_and_none_become_what_is_kept():
    turned = transforms.RandomRotation(0, interpolation=2, fill=None)
    assert (turned.degrees, turned.fill) == ([0.0, 0.0], 0)
    assert turned.interpolation == transforms.InterpolationMode.BILINEAR
    assert transforms.RandomPerspective(fill=None).fill == 0
    assert transforms.CenterCrop(8.5).size == (8, 8)


def test_what_transforms_show_of_themselves():
    from flambeau.vision.transforms import v2

    assert repr(transforms.RandomAffine(3)) == "RandomAffine(degrees=[-3.0, 3.0])"
    shown = repr(transforms.RandomAffine(3, fill=2, interpolation=2, center=(1, 1)))
    assert shown.endswith(", interpolation=bilinear, fill=2, center=(1, 1))")
    assert "ratio=(0.75, 1.3333)" in repr(transforms.RandomResizedCrop(8))
    assert repr(v2.Resize(8)) == "Resize(size=[8], interpolation=bilinear, antialias=True)"
    assert "policy=AutoAugmentPolicy.IMAGENET" in repr(v2.AutoAugment())


def test_clips_by_the_older_names():
    from flambeau.vision.transforms import _transforms_video as video

    frames = torch.randint(0, 256, (4, 12, 14, 3)).to(torch.uint8)
    clip = video.ToTensorVideo()(frames)
    assert clip.shape == (3, 4, 12, 14) and torch.equal(clip[1, 2], frames[2, :, :, 1] / 255)
    assert torch.equal(video.CenterCropVideo(6)(clip), clip[..., 3:9, 4:10])
    assert video.RandomCropVideo(5)(clip).shape == (3, 4, 5, 5)
    assert video.RandomResizedCropVideo((7, 9))(clip).shape == (3, 4, 7, 9)
    assert torch.equal(video.RandomHorizontalFlipVideo(p=1)(clip), clip.flip(-1))
    normal = video.NormalizeVideo([0.1, 0.2, 0.3], [1.0, 2.0, 4.0])(clip)
    assert torch.allclose(normal[2], (clip[2] - 0.3) / 4)
    assert repr(video.CenterCropVideo(6)) == "CenterCropVideo(crop_size=(6, 6))"
    for wrong, error in ((clip[0], ValueError), (frames.numpy(), TypeError)):
        with pytest.raises(error, match="center_crop: clip"):
            video.CenterCropVideo(6)(wrong)
    with pytest.raises(ValueError, match="center_crop: crop_size"):
        video.CenterCropVideo(13)(clip)
    with pytest.raises(TypeError, match="must be uint8"):
        video.ToTensorVideo()(clip)
