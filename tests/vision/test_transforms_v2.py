"""transforms.v2 and tv_tensors: each kind of input gets what suits it, and all of a sample the same."""

import copy
import pickle

import numpy as np
import pytest

import flambeau as torch
from flambeau.vision import transforms, tv_tensors
from flambeau.vision.transforms import v2
from flambeau.vision.transforms.v2 import functional as F

Image = pytest.importorskip("PIL.Image")


def boxes(format="XYXY", clamping_mode="soft"):
    made = tv_tensors.BoundingBoxes(
        [[5.0, 6, 20, 30], [1, 1, 40, 30]],
        format="XYXY",
        canvas_size=(40, 50),
        clamping_mode=clamping_mode,
    )
    return F.convert_bounding_box_format(made, new_format=format)


def sample():
    """An image whose boxes are where it is white, with a mask of the same."""
    image, mask = (
        torch.zeros(3, 40, 50, dtype=torch.uint8),
        torch.zeros(2, 40, 50, dtype=torch.bool),
    )
    image[:, 6:30, 5:20] = 255
    mask[0, 6:30, 5:20] = True
    mask[1, 1:30, 1:40] = True
    return {
        "image": tv_tensors.Image(image),
        "boxes": boxes(),
        "masks": tv_tensors.Mask(mask),
        "labels": torch.tensor([3, 4]),
        "points": tv_tensors.KeyPoints([[5.0, 6], [19, 29]], canvas_size=(40, 50)),
        "name": "a picture",
    }


GEOMETRY = [
    v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0), v2.Resize((80, 100)), v2.Resize(20), v2.CenterCrop((36, 44)),
    v2.Pad((3, 5, 1, 2)), v2.RandomZoomOut(p=1.0), v2.RandomRotation((90, 90), expand=True), v2.RandomCrop((38, 46)),
    v2.RandomResizedCrop((60, 60), scale=(0.9, 1.0)), v2.ScaleJitter((60, 60), (0.9, 1.2)), v2.RandomShortestSize([30, 50]),
    v2.RandomResize(30, 60),
]  # fmt: skip


@pytest.mark.parametrize("transform", GEOMETRY, ids=lambda t: type(t).__name__)
def test_boxes_and_masks_go_with_the_image(transform):
    out = transform(sample())
    size = tuple(out["image"].shape[-2:])
    assert (
        out["boxes"].canvas_size
        == out["points"].canvas_size
        == size
        == tuple(out["masks"].shape[-2:])
    )
    assert out["name"] == "a picture" and out["labels"].tolist() == [3, 4]
    assert out["masks"].dtype == torch.bool and out["image"].dtype == torch.uint8
    where_white = torch.where(out["image"][0] > 127)
    where_mask = torch.where(out["masks"][0])
    found = [
        where_white[1].min(),
        where_white[0].min(),
        where_white[1].max() + 1,
        where_white[0].max() + 1,
    ]
    assert (
        np.abs(np.array(out["boxes"][0].tolist()) - np.array([int(v) for v in found])).max() <= 1.01
    )
    assert abs(len(where_mask[0]) - len(where_white[0])) <= 0.15 * len(where_mask[0])


@pytest.mark.parametrize("format", ["XYWH", "CXCYWH", "XYXY"])
@pytest.mark.parametrize(
    "transform",
    [*GEOMETRY[:2], *GEOMETRY[3:6], v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 5), v2.RandomPerspective(p=1.0), v2.ElasticTransform()],
    ids=lambda t: type(t).__name__,
)  # fmt: skip
def test_formats_of_boxes_change_nothing(format, transform):
    torch.manual_seed(0)
    wanted = transform((sample()["image"], boxes()))[1]
    torch.manual_seed(0)
    got = transform((sample()["image"], boxes(format)))[1]
    assert got.format.value == format
    assert torch.allclose(F.convert_bounding_box_format(got, new_format="XYXY"), wanted, atol=1e-3)


@pytest.mark.parametrize("format", ["XYWHR", "CXCYWHR", "XYXYXYXY"])
def test_rotated_boxes_turn(format):
    straight = tv_tensors.BoundingBoxes(
        [[10.0, 10, 12, 6, 0]], format="XYWHR", canvas_size=(40, 40), clamping_mode=None
    )
    box = F.convert_bounding_box_format(straight, new_format=format)
    turned = F.convert_bounding_box_format(F.rotate(box, 30), new_format="CXCYWHR")
    assert turned[0, 4].item() == pytest.approx(30, abs=1e-3)
    assert turned[0, 2:4].tolist() == pytest.approx([12, 6], abs=1e-3)
    back = F.horizontal_flip(F.horizontal_flip(box))
    assert torch.allclose(back.as_subclass(torch.Tensor), box.as_subclass(torch.Tensor), atol=1e-3)
    with pytest.raises(ValueError, match="clamping_mode is 'firm'"):
        F.clamp_bounding_boxes(box, clamping_mode="firm")
    with pytest.raises(ValueError, match="clamping_mode is 'auto'"):
        F.clamp_bounding_boxes(box.as_subclass(torch.Tensor), format, (40, 40))


@pytest.mark.parametrize("format", ["XYWHR", "CXCYWHR", "XYXYXYXY"])
def test_rotated_boxes_are_cut(format):
    def cut(box, mode):
        given = F.convert_bounding_box_format(torch.tensor([box]), "CXCYWHR", format)
        done = F.clamp_bounding_boxes(given, format, (20, 30), mode)
        corners = F.convert_bounding_box_format(done, format, "XYXYXYXY").view(4, 2)
        return corners, F.convert_bounding_box_format(done, format, "CXCYWHR")[0]

    for mode in ("soft", "hard"):
        inside = [15.0, 10, 8, 6, 35]
        assert cut(inside, mode)[1].tolist() == pytest.approx(inside, abs=1e-3)
        corners, box = cut([2.0, 10, 16, 6, 30], mode)
        assert (
            box[4].item() == pytest.approx(30, abs=1e-2) and box[3] <= 6.001
        )  # its direction stays
        assert corners[:, 0].min() >= (-1e-3 if mode == "hard" else -6) and corners[:, 0].max() < 12
        _, gone = cut([-20.0, 10, 4, 6, 30], mode)
        assert gone[2:4].abs().max() < 1e-3
    # Straight boxes are cut as straight boxes are.
    corners, _ = cut([0.0, 10, 10, 30, 0], "soft")
    assert corners.amin(0).tolist() == [0, 0] and corners.amax(0).tolist() == [5, 20]


def test_ssd_s_training_transforms():
    train = v2.Compose(
        [
            v2.RandomPhotometricDistort(p=1.0),
            v2.RandomZoomOut(p=1.0),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
            v2.SanitizeBoundingBoxes(),
            v2.Resize((30, 30)),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    for _ in range(5):
        out = train(sample())
        assert len(out["boxes"]) == len(out["labels"]) == len(out["masks"])
        assert out["image"].dtype == torch.float32 and float(out["image"].max()) <= 1
        assert len(out["points"]) == 2


def test_sanitize_leaves_out_what_belongs_to_bad_boxes():
    given = sample()
    given["boxes"] = tv_tensors.BoundingBoxes(
        [[0, 0, 0, 5], [1, 1, 9, 9]], format="XYXY", canvas_size=(40, 50)
    )
    out = v2.SanitizeBoundingBoxes()(given)
    assert (
        out["labels"].tolist() == [4]
        and out["masks"].shape == (1, 40, 50)
        and out["boxes"].tolist() == [[1, 1, 9, 9]]
    )
    given["points"] = tv_tensors.KeyPoints([[60.0, 1], [3, 3]], canvas_size=(40, 50))
    out = v2.SanitizeKeyPoints(labels_getter="default")(given)
    assert out["points"].tolist() == [[3, 3]] and out["labels"].tolist() == [4]
    with pytest.raises(
        ValueError, match="labels are not a tensor with one entry for each of the 2"
    ):
        v2.SanitizeBoundingBoxes(labels_getter=lambda s: torch.ones(3))(given)
    with pytest.raises(ValueError, match="labels_getter is 'labels'"):
        v2.SanitizeBoundingBoxes(labels_getter="labels")
    with pytest.raises(ValueError, match="no labels are found"):  # boxes are none
        v2.SanitizeBoundingBoxes()(given["image"], given["boxes"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_boxes_in_their_own_format_stay(dtype):
    boxes = torch.tensor([[1, 2, 3, 4]], dtype=dtype)
    version = boxes._version
    assert F.convert_bounding_box_format(boxes, "XYXY", "XYXY", inplace=True) is boxes
    assert boxes._version == version
    square = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=12)
    assert square.canvas_size == (12, 12)
    assert tv_tensors.KeyPoints([[1, 2]], canvas_size=9).canvas_size == (9, 9)


@pytest.mark.parametrize("kind", ["RandomResizedCrop", "RandomErasing"])
@pytest.mark.parametrize("version", [transforms, v2])
def test_shares_are_low_and_high(version, kind):
    given = [8] if kind == "RandomResizedCrop" else []
    with pytest.warns(UserWarning, match=rf"{kind}: scale is \[1, 0\]; it should be \(low, high"):
        getattr(version, kind)(*given, scale=[1, 0])
    with pytest.raises(TypeError, match=f"{kind}: ratio is 3"):
        getattr(version, kind)(*given, ratio=3)


def test_the_middle_of_boxes_beyond_their_canvas():
    points = tv_tensors.KeyPoints([[4.0, 4]], canvas_size=(9, 9))
    assert F.center_crop(points, (12, 7)).tolist() == [[3, 6]]  # 4 + 2, as -1.5 is rounded
    assert F.center_crop(points, 11).tolist() == [[5, 5]]


def test_arguments_that_cannot_be():
    with pytest.raises(ValueError, match=r"pad: fill is \[1\]; of masks"):
        F.pad_mask(torch.ones(1, 4, 4), [1], fill=[1])
    with pytest.raises(ValueError, match="perspective: give startpoints and endpoints"):
        F.perspective(torch.ones(1, 4, 4), None, None)
    with pytest.raises(ValueError, match="RandAugment: num_ops is -1"):
        v2.RandAugment(num_ops=-1)
    with pytest.raises(TypeError, match="JPEG: quality is True"):
        v2.JPEG(True)
    with pytest.raises(ValueError, match="matrix is torch.float32 on cpu, mean_vector"):
        v2.LinearTransformation(torch.eye(2), torch.zeros(2).double())
    with pytest.raises(ValueError, match="takes BoundingBoxes or plain tensors, not list"):
        F.sanitize_bounding_boxes([[1, 2, 3, 4]])


def test_the_first_plain_tensor_is_the_image():
    image, other = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
    a, b = v2.Resize(4)(image, other)
    assert a.shape == (3, 4, 4) and b is other
    a, b = v2.Resize(4)(Image.new("RGB", (8, 8)), other)
    assert a.size == (4, 4) and b is other
    a, (b, c) = v2.Resize(4)((other, [tv_tensors.Image(image), 5]))
    assert a is other and isinstance(b, tv_tensors.Image) and b.shape == (3, 4, 4) and c == 5


@pytest.mark.parametrize(
    "transform",
    [v2.AutoAugment(), v2.RandAugment(), v2.TrivialAugmentWide(), v2.AugMix(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1), v2.JPEG((30, 60)),
     v2.GaussianBlur(3), v2.RandomEqualize(1.0), v2.RandomErasing(1.0), v2.RandomGrayscale(1.0), v2.RandomChannelPermutation()],
    ids=lambda t: type(t).__name__,
)  # fmt: skip
def test_colours_keep_kind_and_size(transform):
    values = torch.randint(0, 255, (3, 20, 24)).to(torch.uint8)
    for image in (
        tv_tensors.Image(values),
        values,
        tv_tensors.Video(values.expand(2, 3, 20, 24)),
        F.to_pil_image(values),
    ):
        out, label = transform(image, 7)
        assert type(out) is type(image) and label == 7
        assert F.get_dimensions(out) == [3, 20, 24]


def test_policies_refuse_boxes():
    with pytest.raises(TypeError, match="RandAugment: the sample has BoundingBoxes"):
        v2.RandAugment()(sample())
    with pytest.raises(TypeError, match="the sample has 0 images"):
        v2.RandAugment()(3)


@pytest.mark.parametrize("kind", [v2.MixUp, v2.CutMix])
def test_batches_are_mixed(kind):
    images, labels = (
        torch.stack([torch.full((3, 8, 8), float(i)) for i in range(4)]),
        torch.arange(4),
    )
    mixed, shares = kind(num_classes=4)(images, labels)
    assert shares.shape == (4, 4) and torch.allclose(shares.sum(1), torch.ones(4))
    means = (shares * torch.arange(4.0)).sum(1)
    assert torch.allclose(mixed.mean((1, 2, 3)), means, atol=1e-4)
    out = kind(num_classes=4)({"imgs": tv_tensors.Image(images), "label": labels})
    assert isinstance(out["imgs"], tv_tensors.Image) and out["label"].shape == (4, 4)
    with pytest.raises(ValueError, match="needs num_classes="):
        kind()(images, labels)
    with pytest.raises(ValueError, match="must be a batch of 4"):
        kind(num_classes=4)(images[0], labels)


def test_dtypes_by_type():
    given = sample()
    out = v2.ToDtype(
        {tv_tensors.Mask: torch.int64, tv_tensors.Image: torch.float32, "others": None}, scale=True
    )(given)
    assert (
        out["masks"].dtype == torch.int64
        and out["image"].dtype == torch.float32
        and out["boxes"].dtype == torch.float32
    )
    assert v2.ToDtype(torch.float64)(given)["masks"].dtype == torch.bool
    image = v2.ToImage()(np.zeros((4, 5, 3), "uint8"))
    assert isinstance(image, tv_tensors.Image) and image.shape == (3, 4, 5)
    assert type(v2.ToPureTensor()(image)) is torch.Tensor
    with pytest.warns(UserWarning, match=r"v2\.ToTensor: write"):
        v2.ToTensor()


def test_a_transform_of_one_s_own():
    class Darken(v2.Transform):
        def make_params(self, flat_inputs):
            return {"by": 2}

        def transform(self, inpt, params):
            return self._call_kernel(F.adjust_brightness, inpt, 1 / params["by"])

    out = Darken()(sample())
    assert int(out["image"].max()) == 127 and isinstance(out["boxes"], tv_tensors.BoundingBoxes)


def test_kernels_of_one_s_own():
    class Depth(tv_tensors.TVTensor):
        pass

    @F.register_kernel("horizontal_flip", Depth)
    def flip(inpt):
        return tv_tensors.wrap(-inpt.flip(-1), like=inpt)

    out = v2.RandomHorizontalFlip(1.0)(Depth([[1.0, 2.0]]))
    assert isinstance(out, Depth) and out.tolist() == [[-2, -1]]
    with pytest.raises(ValueError, match="has a kernel for Mask already"):
        F.register_kernel(F.resize, tv_tensors.Mask)
    with pytest.raises(TypeError, match="resize: takes"):
        F.resize("x", [3])
    assert F.resize_mask(torch.ones(4, 4), [2, 2]).shape == (2, 2)
    with pytest.raises(AttributeError, match="resize_everything"):
        F.resize_everything


def test_names():
    assert all(hasattr(v2, name) for name in v2.__all__)
    assert all(hasattr(F, name) for name in F.__all__)
    assert repr(v2.Compose([v2.Resize(3)])).startswith("Compose(\n    Resize(size=[3]")


# -- tv_tensors


def test_operators_give_plain_tensors():
    b = boxes()
    assert type(b + 1) is torch.Tensor and type(b[0]) is torch.Tensor
    for kept in (
        b.clone(),
        b.to(torch.float64),
        b.detach(),
        copy.deepcopy(b),
        pickle.loads(pickle.dumps(b)),
    ):
        assert isinstance(kept, tv_tensors.BoundingBoxes)
        assert kept.format == tv_tensors.BoundingBoxFormat.XYXY and kept.canvas_size == (40, 50)
    with tv_tensors.set_return_type("TVTensor"):
        assert isinstance(b * 2, tv_tensors.BoundingBoxes)
    assert type(b * 2) is torch.Tensor
    assert "format=BoundingBoxFormat.XYXY, canvas_size=(40, 50)" in repr(b)


def test_what_they_are_made_of():
    assert tv_tensors.Image(torch.zeros(4, 5)).shape == (1, 4, 5)
    assert tv_tensors.Image(Image.new("RGB", (5, 4))).shape == (3, 4, 5)
    assert tv_tensors.Image(torch.rand(3, 4, 5, requires_grad=True)).requires_grad
    with pytest.raises(
        ValueError, match=r"BoundingBoxes: data is \(1, 1, 4\); in XYXY it must be \(N, 4\)"
    ):
        tv_tensors.BoundingBoxes([[[1, 2, 3, 4]]], format="XYXY", canvas_size=(4, 4))
    with pytest.raises(ValueError, match="rotated boxes must be floating"):
        tv_tensors.BoundingBoxes([[1, 2, 3, 4, 5]], format="XYWHR", canvas_size=(4, 4))
    with pytest.raises(ValueError, match=r"Video: data is \(2, 3\)"):
        tv_tensors.Video(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="'Numbers'"):
        tv_tensors.set_return_type("Numbers")


def test_functions_are_torchvision_s():
    reference = pytest.importorskip("torch")
    tv = pytest.importorskip("torchvision")
    theirs, rng = tv.transforms.v2.functional, np.random.default_rng(0)
    image = (rng.random((3, 40, 50)) * 255).astype("uint8")
    points = rng.uniform(0, 39, (5, 2)).astype("float32")
    square = [[0, 0], [49, 0], [49, 39], [0, 39]], [[4, 3], [40, 2], [44, 35], [2, 33]]
    cases = [
        ("horizontal_flip",), ("resize", [20, 33]), ("resize", [25], "bicubic"), ("crop", 5, -3, 20, 30),
        ("center_crop", [30, 60]), ("pad", [3, 5]), ("resized_crop", 3, 4, 20, 25, [30, 30]),
        ("affine", 20, [3, 5], 1.2, [10.0, 4.0]), ("rotate", 30, "bilinear", True), ("perspective", *square),
    ]  # fmt: skip
    for name, *args in cases:
        for kind in ("Image", "Mask", "BoundingBoxes", "KeyPoints"):
            data, facts = image, {}
            if kind == "KeyPoints":
                data, facts = points, {"canvas_size": (40, 50)}
            elif kind == "BoundingBoxes":
                data, facts = boxes().numpy(), {"canvas_size": (40, 50), "format": "XYXY"}
            x = getattr(tv.tv_tensors, kind)(reference.from_numpy(data.copy()), **facts)
            y = getattr(tv_tensors, kind)(torch.from_numpy(data.copy()), **facts)
            wanted, got = getattr(theirs, name)(x, *args), getattr(F, name)(y, *args)
            assert getattr(got, "canvas_size", 0) == getattr(wanted, "canvas_size", 0)
            most = 1 if kind == "Image" else 1e-3
            assert np.abs(got.numpy().astype(float) - wanted.numpy().astype(float)).max() <= most, (
                name,
                kind,
            )


def test_the_first_argument_has_torchvisions_name():
    # to_tensor took no pic=, and signatures named an argument that calls did not take.
    import inspect

    import flambeau.vision.transforms.functional as older

    x = torch.rand(3, 4, 4)
    assert older.hflip(img=x).equal(F.hflip(inpt=x))
    assert list(inspect.signature(older.hflip).parameters) == ["img"]
    assert list(inspect.signature(F.rotate).parameters)[:2] == ["inpt", "angle"]
    assert older.to_tensor(pic=(x.permute(1, 2, 0) * 255).byte().numpy()).shape == (3, 4, 4)


def test_draws_of_the_first_version():
    from flambeau.vision import transforms

    assert v2.RandomCrop.get_params is transforms.RandomCrop.get_params
    torch.manual_seed(0)
    top, left, height, width = v2.RandomCrop.get_params(torch.zeros(3, 9, 9), (4, 5))
    assert (height, width) == (4, 5) and 0 <= top <= 5 and 0 <= left <= 4
    assert not hasattr(v2.Normalize, "get_params") and not hasattr(v2.ToDtype, "get_params")
    assert v2.ToDtype._v1_transform_cls is None


def test_kernels_are_found_by_type():
    from flambeau.vision.transforms.v2.functional import _utils

    class MyImage(tv_tensors.Image):
        pass

    def turned():
        """No function of ours."""

    _utils._register_kernel_internal(turned, tv_tensors.Image, tv_tensor_wrapper=False)(F.hflip)
    assert _utils._get_kernel(turned, MyImage) is F.hflip
    with pytest.raises(TypeError, match="turned: takes Image, not Mask"):
        _utils._get_kernel(turned, tv_tensors.Mask)
    passed = _utils._get_kernel(turned, tv_tensors.Mask, allow_passthrough=True)
    assert passed(3) == 3
    with pytest.raises(ValueError, match="turned has a kernel for Image already"):
        _utils._register_kernel_internal(turned, tv_tensors.Image)


def test_parallelograms_become_rectangles():
    corners = torch.tensor([[0.0, 0, 3, 0, 4, 2, 1, 2]])
    from flambeau.vision.transforms.v2.functional._points import straightened

    expected = torch.tensor([[0.0, 0, 4, 0, 4, 2, 0, 2]])
    torch.testing.assert_close(straightened(corners), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "make, kind, text",
    [
        (lambda: v2.RandomCrop(4, padding=[0.5, 0.5]), ValueError, "padding is .0.5, 0.5."),
        (lambda: v2.RandomCrop(4, padding=1, padding_mode="wrap"), ValueError, "'wrap'"),
        (lambda: v2.Pad([1, 2, 3]), ValueError, "1, 2 or 4 of them"),
        (lambda: v2.RandomAffine(0, center=0), TypeError, "center is 0"),
        (lambda: v2.RandomAffine(0, translate=[0]), ValueError, "translate is"),
        (lambda: v2.RandomRotation(0, center=[0, 0, 0]), ValueError, "center is"),
        (lambda: v2.RandomZoomOut(side_range=1), TypeError, "side_range is 1"),
        (lambda: v2.RandomResizedCrop(4, scale=[1, 2, 3]), TypeError, "scale is"),
        (lambda: F.posterize(torch.zeros(3, 4, 4, dtype=torch.uint8), 9), TypeError, "bits is 9"),
        (lambda: v2.Resize(object()), ValueError, "size is <object"),
        (lambda: v2.RandomOrder([]), ValueError, "there are no transforms"),
        (lambda: F.elastic(torch.zeros(3, 4, 4), None), TypeError, "displacement is NoneType"),
        (lambda: F.elastic(boxes(), torch.zeros(2)), ValueError, r"displacement is \(2,\)"),
    ],
)
def test_arguments_that_mean_nothing(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


def test_what_does_nothing_warns():
    with pytest.warns(UserWarning, match="a plain tensor beside an image"):
        v2.ToDtype({torch.Tensor: torch.float32, tv_tensors.Image: torch.float32})
    with pytest.warns(UserWarning, match="so scale does nothing"):
        v2.ToDtype({"others": None}, scale=True)(torch.zeros(3, 4, 4))
    with pytest.warns(UserWarning, match="Mask stay as they are"):
        v2.RandomErasing(1.0)(torch.ones(3, 9, 9), tv_tensors.Mask(torch.ones(9, 9)))


def test_batches_are_mixed_as_a_list_with_labels_of_classes():
    images = torch.rand(4, 3, 8, 8)
    labels = torch.eye(4, dtype=torch.int64)
    for mixed in (v2.MixUp(num_classes=4), v2.CutMix(num_classes=4)):
        _, found = mixed([images, labels])
        assert torch.allclose(found.sum(1), torch.ones(4))
        with pytest.raises(ValueError, match=r"must be \(N, 4\)"):
            mixed([images, labels[:, :3]])


def test_channels_beside_each_other_stay_so():
    image = torch.rand(9, 8, 3).permute(2, 0, 1)
    for mode in ("nearest", "bilinear"):
        assert F.resize(image, [5, 6], F.InterpolationMode(mode)).stride() == (1, 18, 3)
    assert F.resize(image.contiguous(), [5, 6]).is_contiguous()
    assert F.rotate_mask(torch.zeros(0, 9, 8), 30).shape == (0, 9, 8)
    assert F.resize(torch.zeros(0, 9, 8), [4, 5]).shape == (0, 4, 5)


def test_crop_draws_where_there_is_a_choice():
    crop = v2.RandomCrop((8, 4))
    torch.manual_seed(0)
    params = crop.make_params([torch.zeros(3, 8, 9)])
    torch.manual_seed(0)
    assert params["left"] == int(torch.randint(0, 6, ()))
    assert params["top"] == 0 and params["needs_crop"] and not params["needs_pad"]


def test_grey_channels_are_written_apart():
    grey = F.rgb_to_grayscale(torch.ones(1, 4, 4), num_output_channels=3)
    grey[0] += 1
    assert grey[1].max() == 1


def test_whole_numbers_of_boxes_stay_whole():
    box = torch.tensor([[5, 5, 12, 8]])
    cut = F.clamp_bounding_boxes(box, "CXCYWH", (8, 8), "soft")
    assert cut.dtype == torch.int64 and cut.tolist() == [[4, 4, 8, 7]]


def test_bent_by_cubic_curves():
    image = torch.rand(3, 9, 9)
    still = F.elastic(image, torch.zeros(1, 9, 9, 2), F.InterpolationMode.BICUBIC)
    assert torch.allclose(still, image, atol=1e-5)
