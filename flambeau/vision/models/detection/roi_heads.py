"""The second stage: what is in each proposed region, its box, mask and keypoints.

Source: Girshick, "Fast R-CNN", 2015, arXiv:1504.08083, section 2; He et al., "Mask R-CNN", 2017, arXiv:1703.06870,
section 3.
"""

from .... import arange, cat, nn, stack, where, zeros
from ....nn import functional as F
from ...ops import boxes as box_ops
from ...ops import roi_align
from . import _utils as det_utils

# -- boxes


def fastrcnn_loss(class_logits, box_regression, labels, regression_targets):
    """(loss of classes, loss of boxes); only regions with an object have a box to learn."""
    labels, targets = cat(labels), cat(list(regression_targets))
    classes = F.cross_entropy(class_logits, labels)
    positive = where(labels > 0)[0]
    offsets = box_regression.reshape(len(class_logits), -1, 4)[positive, labels[positive]]
    boxes = F.smooth_l1_loss(offsets, targets[positive], beta=1 / 9, reduction="sum")
    return classes, boxes / labels.numel()


# -- masks


def maskrcnn_inference(x, labels):
    """Masks (N, classes, M, M) to those of the labels, (n, 1, M, M) an image."""
    counts = [len(own) for own in labels]
    labels = cat(labels)
    chosen = x.sigmoid()[arange(len(labels), device=labels.device), labels][:, None]
    return chosen.split(counts, dim=0)


def project_masks_on_boxes(gt_masks, boxes, matched_idxs, M):
    """What boxes see of the masks that they are matched to: (N, M, M)."""
    regions = cat([matched_idxs.to(boxes)[:, None], boxes], dim=1)
    return roi_align(gt_masks[:, None].to(regions), regions, (M, M), 1.0)[:, 0]


def maskrcnn_loss(mask_logits, proposals, gt_masks, gt_labels, mask_matched_idxs):
    """Cross entropy of the masks of each region's own class."""
    size = mask_logits.shape[-1]
    labels = cat([own[places] for own, places in zip(gt_labels, mask_matched_idxs)])
    targets = cat(
        [
            project_masks_on_boxes(masks, boxes, places, size)
            for masks, boxes, places in zip(gt_masks, proposals, mask_matched_idxs)
        ]
    )
    if targets.numel() == 0:
        return mask_logits.sum() * 0
    own = mask_logits[arange(len(labels), device=labels.device), labels]
    return F.binary_cross_entropy_with_logits(own, targets)


def expand_boxes(boxes, scale):
    """Boxes about their centres, `scale` times as large."""
    centre, half = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5 * scale
    return cat([centre - half, centre + half], dim=1)


def expand_masks(mask, padding):
    """(masks with a border of 0, by how much they have grown)."""
    size = mask.shape[-1]
    return F.pad(mask, (padding,) * 4), (size + 2 * padding) / size


def paste_mask_in_image(mask, box, im_h, im_w):
    """A mask (M, M) of a box in whole pixels as one of the image, (im_h, im_w)."""
    x0, y0, x1, y1 = (int(v) for v in box)
    w, h = max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1)
    mask = F.interpolate(mask[None, None], size=(h, w), mode="bilinear", align_corners=False)[0, 0]
    image = zeros((im_h, im_w), dtype=mask.dtype, device=mask.device)
    left, right, top, bottom = max(x0, 0), min(x1 + 1, im_w), max(y0, 0), min(y1 + 1, im_h)
    image[top:bottom, left:right] = mask[top - y0 : bottom - y0, left - x0 : right - x0]
    return image


def paste_masks_in_image(masks, boxes, img_shape, padding=1):
    """Masks (N, 1, M, M) of boxes as masks of the image: (N, 1, *img_shape)."""
    masks, scale = expand_masks(masks, padding)
    boxes = expand_boxes(boxes, scale).long()
    pasted = [paste_mask_in_image(m[0], b, *img_shape) for m, b in zip(masks, boxes.tolist())]
    return stack(pasted)[:, None] if pasted else masks.new_empty((0, 1, *img_shape))


# -- keypoints


def keypoints_to_heatmap(keypoints, rois, heatmap_size):
    """(the places of keypoints (N, K, 3) in heatmaps of regions, flat; whether they are visible and inside): (N, K)."""
    low, high = rois[:, None, :2], rois[:, None, 2:]
    place = ((keypoints[..., :2] - low) * (heatmap_size / (high - low))).floor().long()
    # The far border belongs to the last pixel.
    place = where(keypoints[..., :2] == high, heatmap_size - 1, place)
    inside = ((place >= 0) & (place < heatmap_size)).all(dim=-1)
    valid = (inside & (keypoints[..., 2] > 0)).long()
    return (place[..., 1] * heatmap_size + place[..., 0]) * valid, valid


def heatmaps_to_keypoints(maps, rois):
    """The places of the maxima of heatmaps (N, K, H, W) of regions, enlarged to them: (N, K, 3), and their scores."""
    sizes = (rois[:, 2:] - rois[:, :2]).clamp(min=1)
    whole = sizes.ceil()
    points = zeros((len(rois), maps.shape[1], 3), dtype=maps.dtype, device=maps.device)
    scores = zeros(points.shape[:2], dtype=maps.dtype, device=maps.device)
    for i in range(len(rois)):
        w, h = (int(v) for v in whole[i].tolist())
        heat = F.interpolate(maps[i][:, None], size=(h, w), mode="bicubic", align_corners=False)[
            :, 0
        ]
        scores[i], at = heat.flatten(1).max(dim=1)
        place = stack([at % w, at // w], dim=1).to(maps.dtype) + 0.5
        points[i, :, :2] = place * (sizes[i] / whole[i]) + rois[i, :2]
        points[i, :, 2] = 1
    return points, scores


def keypointrcnn_loss(keypoint_logits, proposals, gt_keypoints, keypoint_matched_idxs):
    """Cross entropy of the place of each visible keypoint."""
    n, k, height, width = keypoint_logits.shape
    if height != width:
        raise ValueError(
            f"keypointrcnn_loss: heatmaps are {height} x {width}; they must be square."
        )
    found = [
        keypoints_to_heatmap(points[places], boxes, height)
        for boxes, points, places in zip(proposals, gt_keypoints, keypoint_matched_idxs)
    ]
    targets, valid = (cat([part.flatten() for part in parts]) for parts in zip(*found))
    seen = where(valid > 0)[0]
    if seen.numel() == 0:
        return keypoint_logits.sum() * 0
    return F.cross_entropy(keypoint_logits.view(n * k, height * width)[seen], targets[seen])


def keypointrcnn_inference(x, boxes):
    """A list of keypoints (n, K, 3) and one of scores (n, K), an image each."""
    counts = [len(own) for own in boxes]
    found = [heatmaps_to_keypoints(maps, own) for maps, own in zip(x.split(counts, dim=0), boxes)]
    return [points for points, _ in found], [scores for _, scores in found]


# -- the heads


class RoIHeads(nn.Module):
    """Features and proposals to detections, a dict an image, and in training losses."""

    def __init__(
        self, box_roi_pool, box_head, box_predictor, fg_iou_thresh, bg_iou_thresh,
        batch_size_per_image, positive_fraction, bbox_reg_weights, score_thresh, nms_thresh,
        detections_per_img, mask_roi_pool=None, mask_head=None, mask_predictor=None,
        keypoint_roi_pool=None, keypoint_head=None, keypoint_predictor=None,
    ):  # fmt: skip
        super().__init__()
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self.box_coder = det_utils.BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor
        self.keypoint_roi_pool = keypoint_roi_pool
        self.keypoint_head = keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self):
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self):
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def assign_targets_to_proposals(self, proposals, gt_boxes, gt_labels):
        """For each proposal of an image the target it is matched to, and its label: 0 background, -1 neither."""
        matched, labels = [], []
        for own, boxes, classes in zip(proposals, gt_boxes, gt_labels):
            if boxes.numel() == 0:
                matched.append(zeros(len(own), dtype=int, device=own.device))
                labels.append(zeros(len(own), dtype=int, device=own.device))
                continue
            places = self.proposal_matcher(self.box_similarity(boxes, own))
            inside = places.clamp(min=0)
            label = classes[inside].long()
            label = where(places == self.proposal_matcher.BELOW_LOW_THRESHOLD, 0, label)
            labels.append(where(places == self.proposal_matcher.BETWEEN_THRESHOLDS, -1, label))
            matched.append(inside)
        return matched, labels

    def subsample(self, labels):
        """The places of a sample of the proposals, an image each."""
        positive, negative = self.fg_bg_sampler(labels)
        return [where(p | n)[0] for p, n in zip(positive, negative)]

    def add_gt_proposals(self, proposals, gt_boxes):
        return [cat([own, boxes]) for own, boxes in zip(proposals, gt_boxes)]

    def check_targets(self, targets):
        if targets is None:
            raise ValueError("RoIHeads: in training it takes targets, too.")
        wanted = ["boxes", "labels", *(["masks"] if self.has_mask() else [])]
        for key in wanted:
            if not all(key in target for target in targets):
                raise ValueError(
                    f"RoIHeads: a target has no {key!r}; it must have {', '.join(wanted)}."
                )

    def select_training_samples(self, proposals, targets):
        """A sample of proposals, with the targets, labels and offsets they are to learn."""
        self.check_targets(targets)
        dtype = proposals[0].dtype
        gt_boxes = [target["boxes"].to(dtype) for target in targets]
        proposals = self.add_gt_proposals(proposals, gt_boxes)
        matched, labels = self.assign_targets_to_proposals(
            proposals, gt_boxes, [target["labels"] for target in targets]
        )
        boxes = []
        for i, sample in enumerate(self.subsample(labels)):
            proposals[i], labels[i], matched[i] = (
                proposals[i][sample],
                labels[i][sample],
                matched[i][sample],
            )
            own = (
                gt_boxes[i]
                if gt_boxes[i].numel()
                else zeros((1, 4), dtype=dtype, device=sample.device)
            )
            boxes.append(own[matched[i]])
        return proposals, matched, labels, self.box_coder.encode(boxes, proposals)

    def postprocess_detections(self, class_logits, box_regression, proposals, image_shapes):
        """Lists of boxes, scores and labels, an image each; background is class 0."""
        counts = [len(boxes) for boxes in proposals]
        boxes = self.box_coder.decode(box_regression, proposals)
        scores = F.softmax(class_logits, -1)
        results = [], [], []
        for own, score, shape in zip(boxes.split(counts, 0), scores.split(counts, 0), image_shapes):
            own = box_ops.clip_boxes_to_image(own, shape)
            labels = arange(score.shape[1], device=score.device).expand_as(score)
            own, score, labels = (
                own[:, 1:].reshape(-1, 4),
                score[:, 1:].reshape(-1),
                labels[:, 1:].reshape(-1),
            )
            keep = where(score > self.score_thresh)[0]
            keep = keep[box_ops.remove_small_boxes(own[keep], min_size=1e-2)]
            own, score, labels = own[keep], score[keep], labels[keep]
            keep = box_ops.batched_nms(own, score, labels, self.nms_thresh)[
                : self.detections_per_img
            ]
            for result, part in zip(results, (own, score, labels)):
                result.append(part[keep])
        return results

    def _check_dtypes(self, targets):
        wanted = {
            "boxes": lambda t: t.is_floating_point(),
            "labels": lambda t: str(t.dtype).endswith("int64"),
        }
        if self.has_keypoint():
            wanted["keypoints"] = lambda t: str(t.dtype).endswith("float32")
        for target in targets or ():
            for key, fits in wanted.items():
                if not fits(target[key]):
                    raise TypeError(
                        f"RoIHeads: {key} of a target are {target[key].dtype}; boxes must be floating, labels int64 and "
                        "keypoints float32."
                    )

    def _positives(self, proposals, labels, matched):
        """The proposals with an object, and the targets they are matched to."""
        places = [where(label > 0)[0] for label in labels]
        return [p[at] for p, at in zip(proposals, places)], [
            m[at] for m, at in zip(matched, places)
        ]

    def forward(self, features, proposals, image_shapes, targets=None):
        self._check_dtypes(targets)
        matched = labels = regression_targets = None
        if self.training:
            proposals, matched, labels, regression_targets = self.select_training_samples(
                proposals, targets
            )
        seen = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(seen)
        result, losses = [], {}
        if self.training:
            classes, boxes = fastrcnn_loss(class_logits, box_regression, labels, regression_targets)
            losses = {"loss_classifier": classes, "loss_box_reg": boxes}
        else:
            found = self.postprocess_detections(
                class_logits, box_regression, proposals, image_shapes
            )
            result = [{"boxes": b, "labels": lab, "scores": s} for b, s, lab in zip(*found)]
        if self.has_mask() or self.has_keypoint():
            if self.training:
                regions, places = self._positives(proposals, labels, matched)
            else:
                regions, places = [found["boxes"] for found in result], None
            if self.has_mask():
                self._masks(features, regions, places, image_shapes, targets, result, losses)
            if self.has_keypoint():
                self._keypoints(features, regions, places, image_shapes, targets, result, losses)
        return result, losses

    def _masks(self, features, regions, places, image_shapes, targets, result, losses):
        logits = self.mask_predictor(
            self.mask_head(self.mask_roi_pool(features, regions, image_shapes))
        )
        if self.training:
            masks, labels = ([t[key] for t in targets] for key in ("masks", "labels"))
            losses["loss_mask"] = maskrcnn_loss(logits, regions, masks, labels, places)
            return
        for found, masks in zip(result, maskrcnn_inference(logits, [r["labels"] for r in result])):
            found["masks"] = masks

    def _keypoints(self, features, regions, places, image_shapes, targets, result, losses):
        seen = self.keypoint_head(self.keypoint_roi_pool(features, regions, image_shapes))
        logits = self.keypoint_predictor(seen)
        if self.training:
            points = [t["keypoints"] for t in targets]
            losses["loss_keypoint"] = keypointrcnn_loss(logits, regions, points, places)
            return
        for found, points, scores in zip(result, *keypointrcnn_inference(logits, regions)):
            found["keypoints"], found["keypoints_scores"] = points, scores
