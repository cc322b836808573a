"""Operators of detection, against NumPy written from their definitions and, where installed, torchvision."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.vision import ops

rng = np.random.default_rng(0)


def boxes(n, size=20.0, dtype="float32"):
    low = rng.uniform(0, size, (n, 2))
    return torch.from_numpy(
        np.concatenate([low, low + rng.uniform(1, size, (n, 2))], 1).astype(dtype)
    )


# -- nms


def nms(boxes, scores, threshold):
    order, kept = np.argsort(-scores, kind="stable"), []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in order:
        for j in kept:
            w = max(0, min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0]))
            h = max(0, min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1]))
            if w * h / (areas[i] + areas[j] - w * h) > threshold:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_nms_keeps_what_overlaps_no_better_box(dtype, threshold):
    b, scores = boxes(300, dtype=dtype), torch.from_numpy(rng.random(300).astype(dtype))
    kept = ops.nms(b, scores, threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == nms(b.numpy(), scores.numpy(), threshold)


def test_nms_of_equals_and_of_nothing():
    same = boxes(1).expand(5, 4)
    assert ops.nms(same, torch.zeros(5), 0.5).tolist() == [0]
    assert ops.nms(same, torch.zeros(5), 1.0).tolist() == [0, 1, 2, 3, 4]  # not above the threshold
    assert ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
    points = torch.zeros(2, 4)  # 0 / 0 is above nothing
    assert ops.nms(points, torch.ones(2), 0.0).tolist() == [0, 1]
    assert ops.nms(boxes(3).half(), torch.zeros(3).half(), 0.5).dtype == torch.int64
    with pytest.raises(RuntimeError, match=r"nms: boxes are \(3, 5\)"):
        ops.nms(torch.zeros(3, 5), torch.zeros(3), 0.5)


@pytest.mark.parametrize("n", [200, 1100])  # moved apart, and group by group
def test_batched_nms_separates_groups(n):
    b, scores = boxes(n), torch.from_numpy(rng.random(n).astype("float32"))
    groups = torch.from_numpy(rng.integers(0, 4, n))
    kept = ops.batched_nms(b, scores, groups, 0.3)
    wanted = [i for g in range(4) for i in np.flatnonzero(groups.numpy() == g)[
        nms(b.numpy()[groups.numpy() == g], scores.numpy()[groups.numpy() == g], 0.3)]]  # fmt: skip
    assert kept.tolist() == sorted(wanted, key=lambda i: -scores[i].item())
    assert ops.batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), 0.5).tolist() == []


def test_torch_ops_knows_torchvision():
    b, scores = boxes(20), torch.rand(20)
    assert torch.ops.torchvision.nms(b, scores, 0.5).tolist() == ops.nms(b, scores, 0.5).tolist()
    x, rois = features(2), regions()
    wanted = ops.roi_align(x, rois, (3, 2), 0.5, 2, True)
    assert torch.equal(torch.ops.torchvision.roi_align(x, rois, 0.5, 3, 2, 2, True), wanted)
    with pytest.raises(AttributeError, match="no operator 'nmss'"):
        torch.ops.torchvision.nmss


# -- regions


def bilinear(plane, y, x):
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = max(y, 0), max(x, 0)
    y0, x0 = min(int(y), height - 1), min(int(x), width - 1)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    dy, dx = (y - y0 if y0 < height - 1 else 0), (x - x0 if x0 < width - 1 else 0)
    top = plane[y0, x0] * (1 - dx) + plane[y0, x1] * dx
    return top * (1 - dy) + (plane[y1, x0] * (1 - dx) + plane[y1, x1] * dx) * dy


def roi_align(x, rois, size, scale, sampling, aligned, by_position=False):
    rows, columns = size
    channels = x.shape[1] // (rows * columns) if by_position else x.shape[1]
    out = np.zeros((len(rois), channels, rows, columns))
    for k, (image, *corners) in enumerate(rois):
        left, top, right, bottom = (v * scale - (0.5 if aligned else 0) for v in corners)
        height, width = bottom - top, right - left
        if not aligned:
            height, width = max(height, 1), max(width, 1)
        ny = sampling if sampling > 0 else math.ceil(height / rows)
        nx = sampling if sampling > 0 else math.ceil(width / columns)
        for c, i, j in np.ndindex(channels, rows, columns):
            plane = x[int(image), (c * rows + i) * columns + j if by_position else c]
            ys = [top + (i + (s + 0.5) / ny) * height / rows for s in range(ny)]
            xs = [left + (j + (s + 0.5) / nx) * width / columns for s in range(nx)]
            out[k, c, i, j] = np.mean([bilinear(plane, y, x) for y in ys for x in xs])
    return out


def roi_bins(low, high, bins, i):
    """The half-open range of pixels of bin i of roi_pool, not cut yet."""
    low, high = round_half_up(low), round_half_up(high)
    step = max(high - low + 1, 1) / bins
    return math.floor(i * step) + low, math.ceil((i + 1) * step) + low


def round_half_up(v):
    return math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1)


def roi_pool(x, rois, size, scale):
    out = np.zeros((len(rois), x.shape[1], *size))
    for k, (image, *corners) in enumerate(rois):
        left, top, right, bottom = (v * scale for v in corners)
        for c, i, j in np.ndindex(*out.shape[1:]):
            y0, y1 = np.clip(roi_bins(top, bottom, size[0], i), 0, x.shape[2])
            x0, x1 = np.clip(roi_bins(left, right, size[1], j), 0, x.shape[3])
            part = x[int(image), c, y0:y1, x0:x1]
            out[k, c, i, j] = part.max() if part.size else 0
    return out


def ps_roi_pool(x, rois, size, scale):
    rows, columns = size
    out = np.zeros((len(rois), x.shape[1] // (rows * columns), *size))
    for k, (image, *corners) in enumerate(rois):
        left, top, right, bottom = (round_half_up(v * scale) for v in corners)
        high, wide = max(bottom - top, 1) / rows, max(right - left, 1) / columns
        for c, i, j in np.ndindex(*out.shape[1:]):
            y0, y1 = np.clip(
                [math.floor(i * high + top), math.ceil((i + 1) * high + top)], 0, x.shape[2] - 1
            )
            x0, x1 = np.clip(
                [math.floor(j * wide + left), math.ceil((j + 1) * wide + left)], 0, x.shape[3] - 1
            )
            part = x[int(image), (c * rows + i) * columns + j, y0:y1, x0:x1]
            out[k, c, i, j] = part.mean() if part.size else 0
    return out


def features(channels, n=2, sizes=(9, 11)):
    return torch.from_numpy(rng.standard_normal((n, channels, *sizes)))


def regions(n=6, images=2, dtype="float64"):
    own = boxes(n, size=10.0, dtype=dtype)
    return torch.cat(
        [torch.from_numpy(rng.integers(0, images, (n, 1)).astype(dtype)), own - 1.5], 1
    )


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling", [-1, 1, 2])
@pytest.mark.parametrize("channels, n", [(3, 6), (16, 40)])  # plane by plane, and channels last
def test_roi_align_is_its_definition(aligned, sampling, channels, n):
    x, rois = features(channels), regions(n)
    got = ops.roi_align(x, rois, (3, 2), 0.8, sampling, aligned)
    wanted = roi_align(x.numpy(), rois.numpy(), (3, 2), 0.8, sampling, aligned)
    assert np.abs(got.numpy() - wanted).max() < 1e-12
    single = ops.roi_align(x.float(), rois.float(), (3, 2), 0.8, sampling, aligned)
    assert np.abs(single.numpy() - wanted).max() < 1e-4


def test_other_poolings_of_regions_are_their_definitions():
    x, rois = features(12), regions()
    got = ops.ps_roi_align(x, rois, (3, 2), 0.8, 2)
    wanted = roi_align(x.numpy(), rois.numpy(), (3, 2), 0.8, 2, True, by_position=True)
    assert np.abs(got.numpy() - wanted).max() < 1e-12
    assert np.allclose(
        ops.roi_pool(x, rois, (3, 2), 0.8).numpy(), roi_pool(x.numpy(), rois.numpy(), (3, 2), 0.8)
    )
    got = ops.ps_roi_pool(x, rois, (3, 2), 0.8).numpy()
    assert np.allclose(got, ps_roi_pool(x.numpy(), rois.numpy(), (3, 2), 0.8))


@pytest.mark.parametrize(
    "name, further",
    [("roi_align", (2, True)), ("roi_pool", ()), ("ps_roi_align", (2,)), ("ps_roi_pool", ())],
)
@pytest.mark.parametrize("channels, n", [(6, 3), (12, 4)])
def test_gradients_of_regions(name, further, channels, n):
    x, rois = features(channels, 1, (4, 5)).requires_grad_(), regions(n, images=1)
    pool = lambda x: getattr(ops, name)(x, rois, (3, 2), 0.8, *further)
    assert torch.autograd.gradcheck(pool, (x,))
    assert torch.autograd.gradgradcheck(pool, (x,))


def test_boxes_of_regions_come_as_a_list_or_with_their_image():
    x = features(2)
    rois = regions(5)
    listed = [rois[rois[:, 0] == i, 1:] for i in range(2)]
    order = rois[:, 0].argsort(stable=True)
    assert torch.equal(ops.roi_align(x, listed, 2), ops.roi_align(x, rois[order], 2))
    assert ops.roi_align(x, [torch.zeros(0, 4).double()] * 2, 2).shape == (0, 2, 2, 2)
    assert ops.roi_align(x.half(), rois.half(), 2).dtype == torch.float16
    layer = ops.RoIAlign(2, 0.5, 2, aligned=True)
    assert torch.equal(layer(x, rois), ops.roi_align(x, rois, 2, 0.5, 2, True))
    assert (
        repr(layer) == "RoIAlign(output_size=2, spatial_scale=0.5, sampling_ratio=2, aligned=True)"
    )


def test_regions_that_do_not_fit():
    x, rois = features(4), regions()
    with pytest.raises(AssertionError, match=r"roi_align: boxes are \(3, 4\)"):
        ops.roi_align(x, torch.zeros(3, 4), 2)
    with pytest.raises(AssertionError, match=r"roi_pool: boxes of image 0 are \(3, 5\)"):
        ops.roi_pool(x, [torch.zeros(3, 5)], 2)
    with pytest.raises(RuntimeError, match=r"input is torch\.float64 and boxes are torch\.float32"):
        ops.roi_align(x, rois.float(), 2)
    with pytest.raises(IndexError, match="box 0 is of image 7, but there are 2"):
        ops.roi_align(x, torch.tensor([[7.0, 0, 0, 1, 1]]).double(), 2)
    with pytest.raises(
        RuntimeError, match="ps_roi_pool: input has 4 channels; they must be a multiple"
    ):
        ops.ps_roi_pool(x, rois, 3)


def test_shapes_of_regions_are_known_on_meta():
    x = torch.zeros(2, 8, 9, 9, device="meta")
    assert ops.roi_align(x, torch.zeros(4, 5, device="meta"), (3, 2)).shape == (4, 8, 3, 2)
    assert ops.ps_roi_pool(x, torch.zeros(4, 5, device="meta"), 2).shape == (4, 2, 2, 2)


# -- moved taps


def deform_conv2d(x, offset, weight, bias, stride, padding, dilation, mask):
    n, channels, height, width = x.shape
    out_channels, per_group, kh, kw = weight.shape
    groups, own = channels // per_group, offset.shape[1] // (2 * kh * kw)
    out = np.zeros((n, out_channels, *offset.shape[2:]))
    padded = np.zeros((n, channels, height + 2, width + 2))
    padded[:, :, 1:-1, 1:-1] = x
    for b, o, i, j in np.ndindex(*out.shape):
        total = 0.0
        for c, u, v in np.ndindex(per_group, kh, kw):
            channel = o // (out_channels // groups) * per_group + c
            tap = channel // (channels // own) * kh * kw + u * kw + v
            y = i * stride - padding + u * dilation + offset[b, 2 * tap, i, j]
            z = j * stride - padding + v * dilation + offset[b, 2 * tap + 1, i, j]
            if -1 < y < height and -1 < z < width:
                value = bilinear(padded[b, channel], y + 1, z + 1)
                total += weight[o, c, u, v] * value * (1 if mask is None else mask[b, tap, i, j])
        out[b, o, i, j] = total + (0 if bias is None else bias[o])
    return out


def taps(groups, own, masked):
    x = torch.from_numpy(rng.standard_normal((2, 4, 5, 6)))
    weight, bias = (
        torch.from_numpy(rng.standard_normal((6, 4 // groups, 3, 2))),
        torch.from_numpy(rng.standard_normal(6)),
    )
    offset = torch.from_numpy(rng.uniform(-1.3, 1.3, (2, own * 12, 3, 4)))
    mask = torch.from_numpy(rng.random((2, own * 6, 3, 4))) if masked else None
    return x, offset, weight, bias, mask


@pytest.mark.parametrize("groups, own, masked", [(1, 1, False), (2, 1, True), (1, 2, True)])
def test_deform_conv2d_is_its_definition(groups, own, masked):
    x, offset, weight, bias, mask = taps(groups, own, masked)
    got = ops.deform_conv2d(x, offset, weight, bias, 2, 1, 1, mask)
    numpy = [t if t is None else t.numpy() for t in (x, offset, weight, bias, mask)]
    wanted = deform_conv2d(*numpy[:4], 2, 1, 1, numpy[4])
    assert np.abs(got.numpy() - wanted).max() < 1e-12
    inputs = [t.requires_grad_() for t in (x, offset, weight, bias, mask) if t is not None]
    call = lambda x, offset, weight, bias, mask=None: ops.deform_conv2d(
        x, offset, weight, bias, 2, 1, 1, mask
    )
    assert torch.autograd.gradcheck(call, inputs)


def test_deform_conv2d_without_moves_is_conv2d():
    layer = ops.DeformConv2d(4, 6, 3, padding=2, dilation=2, groups=2)
    x = torch.randn(1, 4, 7, 8)
    wanted = torch.nn.functional.conv2d(
        x, layer.weight, layer.bias, padding=2, dilation=2, groups=2
    )
    assert torch.allclose(layer(x, torch.zeros(1, 18, 7, 8)), wanted, atol=1e-5)
    with pytest.raises(
        RuntimeError, match=r"offset is \(1, 18, 5, 8\); it must be \(1, 18, 7, 8\)"
    ):
        layer(x, torch.zeros(1, 18, 5, 8))
    with pytest.raises(RuntimeError, match="offset has 17 channels"):
        layer(x, torch.zeros(1, 17, 7, 8))
    with pytest.raises(RuntimeError, match="mask is"):
        layer(x, torch.zeros(1, 18, 7, 8), torch.zeros(1, 9, 7, 7))


# -- boxes


@pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
def test_boxes_convert_there_and_back(fmt):
    b = boxes(5)
    there = ops.box_convert(b, "xyxy", fmt)
    assert torch.allclose(ops.box_convert(there, fmt, "xyxy"), b, atol=1e-5)
    assert torch.allclose(ops.box_area(there, fmt), ops.box_area(b), rtol=1e-4)
    assert torch.allclose(ops.box_iou(there, there, fmt), ops.box_iou(b, b), atol=1e-5)


@pytest.mark.parametrize("fmt", ["cxcywhr", "xyxyxyxy"])
def test_rotated_boxes_convert_there_and_back(fmt):
    b = torch.cat(
        [ops.box_convert(boxes(5), "xyxy", "xywh"), torch.linspace(-80, 80, 5)[:, None]], 1
    )
    assert torch.allclose(
        ops.box_convert(ops.box_convert(b, "xywhr", fmt), fmt, "xywhr"), b, atol=1e-3
    )
    with pytest.raises(ValueError, match="from 'xywhr' to 'xyxy'"):
        ops.box_convert(b, "xywhr", "xyxy")


def test_boxes_are_cut_and_sorted_out():
    b = torch.tensor([[-5.0, 2, 30, 40], [1, 1, 1.5, 9]])
    assert ops.clip_boxes_to_image(b, (20, 10)).tolist() == [[0, 2, 10, 20], [1, 1, 1.5, 9]]
    assert ops.remove_small_boxes(b, 1.0).tolist() == [0]
    assert ops.box_area(torch.tensor([[0, 0, 200, 200]], dtype=torch.uint8)).item() == 40000


def test_masks_become_boxes():
    masks = torch.zeros(2, 6, 7, dtype=torch.bool)
    masks[0, 1:4, 2:6] = True
    masks[1, 5, 6] = True
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 5, 3], [6, 5, 6, 5]]
    assert ops.masks_to_boxes(torch.zeros(0, 6, 7)).shape == (0, 4)
    masks[0] = False
    assert ops.masks_to_boxes(masks).tolist() == [[0, 0, 0, 0], [6, 5, 6, 5]]


@pytest.mark.parametrize(
    "name", "box_iou generalized_box_iou distance_box_iou complete_box_iou".split()
)
def test_overlaps_are_torchvision_s(name):
    theirs = getattr(pytest.importorskip("torchvision").ops, name)
    import torch as reference

    a, b = boxes(7), boxes(5)
    wanted = theirs(reference.from_numpy(a.numpy()), reference.from_numpy(b.numpy()))
    assert np.abs(getattr(ops, name)(a, b).numpy() - wanted.numpy()).max() < 1e-5


LOSSES = ["generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss"]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_of_boxes(name, reduction):
    loss = getattr(ops, name)
    a, b = boxes(6, dtype="float64").requires_grad_(), boxes(6, dtype="float64")
    same = {
        "generalized": "generalized_box_iou",
        "distance": "distance_box_iou",
        "complete": "complete_box_iou",
    }
    pairs = 1 - getattr(ops, same[name.partition("_")[0]])(a, b).diagonal()
    wanted = {"none": pairs, "mean": pairs.mean(), "sum": pairs.sum()}[reduction]
    assert torch.allclose(loss(a, b, reduction), wanted, atol=1e-6)
    if (
        name != "complete_box_iou_loss"
    ):  # its share is taken as a constant, so its slope is not the difference's
        assert torch.autograd.gradcheck(lambda a: loss(a, b, reduction), (a,))
    assert loss(boxes(0), boxes(0), "mean").item() == 0
    with pytest.raises(ValueError, match=f"{name}: reduction is 'all'"):
        loss(a, b, "all")


def test_focal_loss_without_focus_is_cross_entropy():
    x, t = torch.randn(20), (torch.rand(20) > 0.5).float()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(x, t)
    assert torch.allclose(ops.sigmoid_focal_loss(x, t, -1, 0, "mean"), plain)
    with pytest.raises(ValueError, match="alpha is 2"):
        ops.sigmoid_focal_loss(x, t, alpha=2)


# -- layers


def test_stochastic_depth_leaves_out_rows():
    x = torch.ones(1000, 3)
    y = ops.stochastic_depth(x, 0.25, "row")
    assert y.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert abs(y[:, 0].mean().item() - 1) < 0.1
    assert ops.StochasticDepth(0.5, "batch").eval()(x) is x
    assert ops.stochastic_depth(x, 1.0, "batch").sum() == 0
    with pytest.raises(ValueError, match="mode is 'rows'"):
        ops.stochastic_depth(x, 0.5, "rows")


@pytest.mark.parametrize("size", [3, 4])
def test_drop_blocks(size):
    x = torch.ones(8, 4, 20, 22)
    y = ops.drop_block2d(x, 0.3, size)
    assert y.shape == x.shape
    assert 0.1 < (y == 0).float().mean().item() < 0.5
    assert abs(y.mean().item() - 1) < 1e-3
    assert ops.DropBlock3d(0.1, 2).eval()(x[None]) is not None
    z = torch.ones(1, 2, 6, 6, 6)
    assert ops.DropBlock3d(0.3, 2, inplace=True)(z) is z


def test_frozen_batch_norm_is_batch_norm_at_rest():
    plain, frozen = torch.nn.BatchNorm2d(3).eval(), ops.FrozenBatchNorm2d(3)
    for value in plain.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    frozen.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 4, 5)
    assert torch.allclose(frozen(x), plain(x), atol=1e-6)
    assert not list(frozen.parameters())


def test_pyramid_s_old_keys_become_today_s():
    fpn = ops.FeaturePyramidNetwork([3, 4], 2, ops.feature_pyramid_network.LastLevelP6P7(2, 2))
    old = {
        key.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): v
        for key, v in fpn.state_dict().items()
    }
    assert "inner_blocks.1.weight" in old
    fpn.load_state_dict(old)
    out = fpn({"a": torch.rand(1, 3, 16, 16), "b": torch.rand(1, 4, 8, 8)})
    assert [(k, v.shape[-1]) for k, v in out.items()] == [("a", 16), ("b", 8), ("p6", 4), ("p7", 2)]


def test_boxes_are_read_from_the_level_of_their_size():
    pool = ops.MultiScaleRoIAlign(["a", "b"], 2, 2)
    x = {
        "a": torch.zeros(1, 1, 64, 64),
        "b": torch.ones(1, 1, 32, 32),
        "other": torch.zeros(1, 1, 2, 2),
    }
    b = [torch.tensor([[0.0, 0, 200, 200], [0, 0, 20, 20], [10, 10, 240, 240]])]
    out = pool(x, b, [(256, 256)])
    assert out[:, 0, 0, 0].tolist() == [1.0, 0.0, 1.0]


def test_mlp_and_blocks_have_torchvision_s_keys():
    assert list(ops.MLP(3, [4, 5]).state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    block = ops.Conv2dNormActivation(3, 4, kernel_size=(3, 5), dilation=2)
    assert block(torch.zeros(1, 3, 9, 9)).shape == (1, 4, 9, 9)
    assert ops.Conv3dNormActivation(1, 2)(torch.zeros(1, 1, 4, 4, 4)).shape == (1, 2, 4, 4, 4)
    assert ops.Permute([0, 2, 1])(torch.zeros(1, 2, 3)).shape == (1, 3, 2)


# -- rotated boxes


def test_overlap_of_rotated_boxes():
    boxes = torch.tensor(
        [[0, 0, 10, 10, 45], [0, 0, 10, 10, -135], [50, 50, 20, 10, 45], [50, 50, 20, 10, 135], [0, 0, 20, 20, 0]]
    ).double()  # fmt: skip
    third, octagon = 1 / 3, 1 / 4
    expected = [
        [1, 1, 0, 0, octagon], [1, 1, 0, 0, octagon], [0, 0, 1, third, 0], [0, 0, third, 1, 0], [octagon, octagon, 0, 0, 1]
    ]  # fmt: skip
    for fmt in ("cxcywhr", "xywhr", "xyxyxyxy"):
        turned = ops.box_convert(boxes, "cxcywhr", fmt)
        found = ops.box_iou(turned, turned, fmt)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, torch.tensor(expected).float(), rtol=1e-5, atol=1e-6)


def test_overlap_of_rotated_boxes_by_counting():
    rng = np.random.default_rng(0)
    sides = lambda n: rng.random((n, 5)) * [8, 8, 10, 10, 360] + [4, 4, 2, 2, -180]
    one, other = sides(4), sides(5)
    x, y = np.meshgrid(*[np.linspace(-4, 24, 561)] * 2)

    def covered(box):
        cx, cy, w, h, r = box
        c, s = np.cos(np.radians(r)), np.sin(np.radians(r))  # y points down
        along, across = (x - cx) * c - (y - cy) * s, (x - cx) * s + (y - cy) * c
        return (abs(along) <= w / 2) & (abs(across) <= h / 2)

    a, b = [covered(box) for box in one], [covered(box) for box in other]
    expected = [[(p & q).sum() / (p | q).sum() for q in b] for p in a]
    found = ops.box_iou(torch.tensor(one), torch.tensor(other), "cxcywhr")
    assert np.abs(found.numpy() - expected).max() < 2e-3
    assert ops.box_iou(torch.zeros(1, 5), torch.ones(1, 5), "cxcywhr").item() == 0.0
    assert ops.box_iou(torch.zeros(0, 5), torch.ones(3, 5), "cxcywhr").shape == (0, 3)


# -- traced


def test_regions_are_one_step_of_a_traced_program():
    from flambeau import fx

    x = torch.rand(1, 8, 8, 8)
    rois = torch.tensor([[0.0, 0, 0, 5, 5]])
    for layer in (
        ops.RoIAlign(2, 1.0, -1),
        ops.RoIPool(2, 1.0),
        ops.PSRoIAlign(2, 1.0, -1),
        ops.PSRoIPool(2, 1.0),
    ):
        traced = fx.symbolic_trace(layer)
        assert torch.equal(traced(x, rois), layer(x, rois))
        assert sum(node.op == "call_function" for node in traced.graph.nodes) == 1
    pooler = ops.MultiScaleRoIAlign(["0", "1"], 3, 2)
    args = {"0": x, "1": x[..., ::2, ::2]}, [rois[:, 1:]], [(8, 8)]
    assert torch.equal(fx.symbolic_trace(pooler)(*args), pooler(*args))


def test_torchvision_s_compiled_operators():
    x, rois = torch.rand(1, 8, 8, 8), torch.tensor([[0.0, 0, 0, 7, 7]])
    compiled = torch.ops.torchvision
    found, places = compiled.roi_pool(x, rois, 1.0, 2, 2)
    assert torch.equal(found, x.flatten(2).gather(2, places.flatten(2).long()).view(found.shape))
    found, channels = compiled.ps_roi_align(x, rois, 1.0, 2, 2, -1)
    assert found.shape == (1, 2, 2, 2) and channels[0, 1].tolist() == [[4, 5], [6, 7]]
    assert torch.equal(compiled.ps_roi_pool(x, rois, 1.0, 2, 2)[1], channels)
    weight, offset = torch.rand(4, 8, 3, 3), torch.rand(1, 18, 6, 6)
    args = (weight, offset, torch.empty(0), torch.zeros(4), 1, 1, 0, 0, 1, 1)
    assert torch.equal(
        compiled.deform_conv2d(x, *args, 1, 1, False), ops.deform_conv2d(x, offset, weight)
    )
    with pytest.raises(RuntimeError, match="groups is 2, but weight"):
        compiled.deform_conv2d(x, *args, 2, 1, False)


def test_parameters_of_norms_apart():
    from flambeau.vision.ops._utils import check_roi_boxes_shape, split_normalization_params

    model = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1)
    )
    model[2].bias.requires_grad_(False)
    norms, others = split_normalization_params(model)
    assert [p is q for p, q in zip(norms, model[1].parameters())] == [True, True]
    assert len(others) == 3
    assert len(split_normalization_params(model, [torch.nn.Linear])[0]) == 3
    with pytest.raises(ValueError, match="they must be classes of layers"):
        split_normalization_params(model, [3])
    with pytest.raises(AssertionError, match=r"they must be \(K, 5\)"):
        check_roi_boxes_shape(torch.zeros(2, 4))


@pytest.mark.parametrize("masked", [False, True])
def test_second_derivatives_of_deform_conv2d(masked):
    torch.manual_seed(0)
    given = lambda *sizes: torch.randn(sizes, dtype=torch.float64, requires_grad=True)
    x, weight = given(1, 2, 4, 5), given(2, 2, 2, 2)
    offset = (torch.rand(1, 2 * 8, 3, 3).double() * 1.6 - 0.7).requires_grad_()
    mask = torch.rand(1, 8, 3, 3).double().requires_grad_() if masked else None
    options = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    run = lambda x, offset, weight, *mask: ops.deform_conv2d(
        x, offset, weight, mask=mask[0] if mask else None, **options
    )
    inputs = (x, offset, weight, *([mask] if masked else []))
    with torch.no_grad():
        shape = run(*inputs).shape
    assert shape == (1, 2, 3, 3)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_deform_conv2d_second_derivatives_where_the_offsets_are_made_of_the_input():
    torch.manual_seed(0)
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 1, 2, 2, dtype=torch.float64)
    to_offset = torch.randn(8, 1, 2, 2, dtype=torch.float64) * 0.1

    def layer(x):
        offset = torch.nn.functional.conv2d(x, to_offset)
        return ops.deform_conv2d(x, offset, weight)

    (first,) = torch.autograd.grad(layer(x).square().sum(), x)
    (recorded,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    assert torch.allclose(first, recorded)
    assert torch.autograd.gradgradcheck(layer, x)
