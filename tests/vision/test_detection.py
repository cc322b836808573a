"""Detectors, small, and their parts. The models' parameters are in test_models.py."""

import pytest

import flambeau as torch
from flambeau.vision.models import detection
from flambeau.vision.models.detection import _utils as parts
from flambeau.vision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from flambeau.vision.models.detection.image_list import ImageList
from flambeau.vision.models.detection.roi_heads import (
    heatmaps_to_keypoints,
    keypoints_to_heatmap,
    paste_masks_in_image,
)
from flambeau.vision.models.detection.transform import GeneralizedRCNNTransform
from flambeau.vision.ops import MultiScaleRoIAlign


class Backbone(torch.nn.Module):
    """Two levels of features, at an eighth and a sixteenth of the size."""

    out_channels = 32

    def __init__(self):
        super().__init__()
        self.fine, self.coarse = torch.nn.Conv2d(3, 32, 8, 8), torch.nn.Conv2d(32, 32, 2, 2)

    def forward(self, x):
        fine = self.fine(x).relu()
        return {"0": fine, "1": self.coarse(fine).relu()}


class Unnamed(Backbone):
    """Its channels are found by trying."""

    out_channels = None


SIZES = {"min_size": 64, "max_size": 96}


def pool(size):
    return MultiScaleRoIAlign(["0", "1"], size, 2)


def anchors():
    return AnchorGenerator(((16, 24), (32, 48)), ((0.5, 1.0, 2.0),) * 2)


def faster(kind=detection.FasterRCNN, **further):
    return kind(
        Backbone(), 3, rpn_anchor_generator=anchors(), box_roi_pool=pool(7),
        rpn_pre_nms_top_n_test=50, rpn_post_nms_top_n_test=20, box_score_thresh=0.0, **SIZES, **further,
    )  # fmt: skip


DETECTORS = {
    "faster": faster,
    "mask": lambda: faster(detection.MaskRCNN, mask_roi_pool=pool(14)),
    "keypoint": lambda: faster(detection.KeypointRCNN, keypoint_roi_pool=pool(14), num_keypoints=5),
    "retina": lambda: detection.RetinaNet(
        Backbone(), 3, anchor_generator=anchors(), score_thresh=0.0, **SIZES
    ),
    "fcos": lambda: detection.FCOS(
        Backbone(),
        3,
        anchor_generator=AnchorGenerator(((8,), (16,)), ((1.0,),) * 2),
        score_thresh=0.0,
        **SIZES,
    ),
    "ssd": lambda: detection.SSD(
        Unnamed(), DefaultBoxGenerator([[2], [2, 3]]), (64, 64), 3, score_thresh=0.0
    ),
}


def images():
    return [torch.rand(3, 60, 80), torch.rand(3, 90, 50)]


def targets(empty=False):
    made = []
    for image in images():
        n = 0 if empty else 2
        boxes = torch.tensor([[5.0, 6, 40, 45], [20, 10, 44, 50]])[:n]
        made.append(
            {
                "boxes": boxes,
                "labels": torch.tensor([1, 2])[:n],
                "masks": torch.ones(n, *image.shape[1:], dtype=torch.uint8),
                "keypoints": torch.cat([torch.rand(n, 5, 2) * 20 + 20, torch.ones(n, 5, 1)], 2),
            }
        )
    return made


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_learns_and_finds(name):
    model = DETECTORS[name]()
    given = targets()
    before = [t["boxes"].clone() for t in given]
    losses = model(images(), given)
    assert all(torch.equal(b, t["boxes"]) for b, t in zip(before, given)), (
        "the caller's targets stay as they are"
    )
    total = sum(losses.values())
    total.backward()
    assert bool(torch.isfinite(total)) and total.item() > 0
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        found = model.eval()(images())
    for image, result in zip(images(), found):
        h, w = image.shape[1:]
        boxes = result["boxes"]
        assert len(boxes) == len(result["labels"]) == len(result["scores"]) > 0
        assert float(boxes[:, 0::2].max()) <= w + 1e-3 and float(boxes[:, 1::2].max()) <= h + 1e-3
        assert result["scores"].tolist() == sorted(result["scores"].tolist(), reverse=True)
        if name == "mask":
            assert result["masks"].shape == (len(boxes), 1, h, w)
        if name == "keypoint":
            assert result["keypoints"].shape == (len(boxes), 5, 3)
            assert result["keypoints_scores"].shape == (len(boxes), 5)


@pytest.mark.parametrize("name", ["faster", "retina", "fcos", "ssd"])
def test_an_image_may_have_no_boxes(name):
    model = DETECTORS[name]()
    losses = model(images(), targets(empty=True))
    sum(losses.values()).backward()
    assert all(bool(torch.isfinite(loss)) for loss in losses.values())


def test_targets_that_cannot_be():
    model = faster()
    with pytest.raises(AssertionError, match="FasterRCNN: in training it takes targets"):
        model(images())
    wrong = targets()
    wrong[1]["boxes"] = torch.tensor([[5.0, 5, 5, 9]])
    with pytest.raises(AssertionError, match=r"FasterRCNN: box \[.*\] of target 1 has no extent"):
        model(images(), wrong)
    wrong[1]["boxes"] = torch.zeros(2, 5)
    with pytest.raises(AssertionError, match=r"boxes of a target are \(2, 5\)"):
        model(images(), wrong)
    wrong = targets()
    wrong[0]["labels"] = wrong[0]["labels"].float()
    with pytest.raises(TypeError, match=r"labels of a target are torch\.float32"):
        model(images(), wrong)
    with pytest.raises(TypeError, match=r"an image is torch\.uint8"):
        model.eval()([torch.zeros(3, 8, 8, dtype=torch.uint8)])
    with pytest.raises(ValueError, match="give num_classes, or a box_predictor"):
        detection.FasterRCNN(Backbone())
    with pytest.raises(TypeError, match="FasterRCNN: box_roi_pool is int; it must be a MultiScale"):
        detection.FasterRCNN(Backbone(), 2, box_roi_pool=7)
    for kind in (detection.RetinaNet, detection.FCOS):
        with pytest.raises(TypeError, match=f"{kind.__name__}: anchor_generator is int"):
            kind(Backbone(), 2, anchor_generator=7)
    with pytest.raises(AssertionError, match="low_threshold 0.9 is above high_threshold 0.5"):
        parts.Matcher(0.5, 0.9)


def test_boxes_are_coded_and_decoded():
    anchors = torch.tensor([[0.0, 0, 10, 20], [5, 5, 9, 9]])
    boxes = torch.tensor([[1.0, 2, 8, 22], [4, 4, 10, 8]])
    for coder in (parts.BoxCoder((10.0, 10.0, 5.0, 5.0)), parts.BoxLinearCoder()):
        if isinstance(coder, parts.BoxCoder):
            codes = coder.encode_single(boxes, anchors)
            again = coder.decode_single(codes, anchors)
            (listed,) = coder.encode([boxes], [anchors])
            assert torch.equal(listed, codes)
            assert coder.decode(codes, [anchors]).shape == (2, 1, 4)
        else:
            again = coder.decode(coder.encode(anchors, boxes), anchors)
        assert torch.allclose(again, boxes, atol=1e-4)


def test_matches():
    quality = torch.tensor([[0.9, 0.6, 0.1, 0.3], [0.1, 0.2, 0.35, 0.2]])
    assert parts.Matcher(0.7, 0.5)(quality).tolist() == [0, -2, -1, -1]
    assert parts.Matcher(0.7, 0.5, True)(quality).tolist() == [0, -2, 1, -1]
    assert parts.SSDMatcher(0.5)(quality).tolist() == [0, 0, 1, -1]
    with pytest.raises(ValueError, match="there are no targets to match"):
        parts.Matcher(0.7, 0.5)(torch.zeros(0, 3))


def test_samples_are_balanced():
    labels = torch.tensor([1] * 30 + [0] * 100 + [-1] * 50)
    ((positive,), (negative,)) = parts.BalancedPositiveNegativeSampler(40, 0.25)([labels])
    assert positive.sum() == 10 and negative.sum() == 30
    assert bool((labels[positive] == 1).all()) and bool((labels[negative] == 0).all())


def test_anchors_lie_about_their_places():
    made = AnchorGenerator(((16,),), ((0.5, 1.0),))
    (boxes,) = made(ImageList(torch.zeros(1, 3, 32, 48), [(32, 48)]), [torch.zeros(1, 1, 2, 3)])
    assert boxes.shape == (12, 4)
    assert boxes[:2].tolist() == [[-11, -6, 11, 6], [-8, -8, 8, 8]]
    assert boxes[-1].tolist() == [24, 8, 40, 24]
    with pytest.raises(AssertionError, match="2 levels of features, but sizes of 1"):
        made(ImageList(torch.zeros(1, 3, 32, 48), [(32, 48)]), [torch.zeros(1, 1, 2, 3)] * 2)


def test_images_are_padded_to_one_batch():
    transform = GeneralizedRCNNTransform(40, 60, [0.0] * 3, [1.0] * 3).eval()
    batch, out = transform([torch.ones(3, 20, 40), torch.ones(3, 30, 30)], targets())
    assert batch.tensors.shape == (2, 3, 64, 64)
    assert batch.image_sizes == [(30, 60), (40, 40)]
    assert out[0]["masks"].shape[1:] == (90, 120)
    assert float(batch.tensors[0, :, 30:].sum()) == 0
    assert torch.allclose(out[1]["boxes"], targets()[1]["boxes"] * 40 / 30)
    picture = torch.ones(3, 20, 40, requires_grad=True)
    transform([picture])[0].tensors.sum().backward()
    assert picture.grad.sum().item() == pytest.approx(3 * 30 * 60)


def test_keypoints_to_heatmaps_and_back():
    rois = torch.tensor([[10.0, 20, 66, 76]])
    points = torch.tensor([[[24.5, 40.5, 1.0], [66.0, 76.0, 1.0], [5.0, 30.0, 1.0]]])
    places, valid = keypoints_to_heatmap(points, rois, 56)
    assert valid.tolist() == [[1, 1, 0]]
    maps = torch.zeros(1, 3, 56 * 56).scatter(2, places[..., None], 1.0).view(1, 3, 56, 56)
    again, _ = heatmaps_to_keypoints(maps, rois)
    assert torch.allclose(again[0, 0, :2], points[0, 0, :2], atol=0.6)


def test_masks_are_pasted_where_their_boxes_are():
    pasted = paste_masks_in_image(
        torch.ones(1, 1, 28, 28), torch.tensor([[4.0, 5, 13, 20]]), (30, 20)
    )
    assert pasted.shape == (1, 1, 30, 20)
    assert float(pasted[0, 0, 8:18, 6:12].min()) > 0.99 and float(pasted[0, 0, 25:].max()) == 0
    assert paste_masks_in_image(torch.ones(0, 1, 28, 28), torch.zeros(0, 4), (30, 20)).shape == (
        0,
        1,
        30,
        20,
    )


def test_frozen_layers_do_not_train():
    from flambeau.vision.models.detection.backbone_utils import (
        mobilenet_backbone,
        resnet_fpn_backbone,
    )

    with torch.device("meta"):
        model = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=2)
        trained = {
            n.split(".")[1]
            for n, p in model.named_parameters()
            if p.requires_grad and n.startswith("body")
        }
        assert trained == {"layer3", "layer4"}
        plain = mobilenet_backbone(
            backbone_name="mobilenet_v3_small", weights=None, fpn=False, trainable_layers=0
        )
    assert plain.out_channels == 256
    assert not any(p.requires_grad for p in plain[0].parameters())
    with (
        pytest.warns(
            UserWarning,
            match="trainable_backbone_layers is 3, but the backbone has no published weights",
        ),
        torch.device("meta"),
    ):
        detection.fasterrcnn_mobilenet_v3_large_fpn(
            weights_backbone=None, trainable_backbone_layers=3, num_classes=2
        )


def test_old_keys_of_heads_become_today_s():
    head = detection.retinanet.RetinaNetHead(4, 1, 2)
    old = {}
    for key, value in head.state_dict().items():
        before, dot, rest = key.partition("conv.")
        i, *name = rest.split(".")
        old[f"{before}conv.{2 * int(i)}.{name[-1]}" if dot else key] = value
    assert "classification_head.conv.6.weight" in old
    head.load_state_dict(old)
    rpn = detection.rpn.RPNHead(4, 1)
    rpn.load_state_dict({k.replace("conv.0.0", "conv"): v for k, v in rpn.state_dict().items()})
    masks = detection.mask_rcnn.MaskRCNNHeads(4, (4, 4), 1)
    masks.load_state_dict(
        {f"mask_fcn{int(k[0]) + 1}.{k.split('.')[-1]}": v for k, v in masks.state_dict().items()}
    )


def test_backbones_by_their_old_arguments():
    from flambeau.vision.models.detection.backbone_utils import resnet_fpn_backbone

    with pytest.warns(UserWarning, match="by position is torchvision's old way"):
        body = resnet_fpn_backbone("resnet18", weights=None)
    assert body.out_channels == 256
    with pytest.warns(UserWarning, match="write weights=None"):
        resnet_fpn_backbone(backbone_name="resnet18", pretrained=False)
