"""The network that proposes regions.

Source: Ren, He, Girshick, Sun, "Faster R-CNN", 2015, arXiv:1506.01497, section 3.1.
"""

from .... import arange, cat, nn, no_grad, sigmoid, where
from ....nn import functional as F
from ...ops import Conv2dNormActivation
from ...ops import boxes as box_ops
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator  # noqa: F401  (programs import it from here)


class RPNHead(nn.Module):
    """For each anchor of each level, whether there is an object, and where: (N, A, H, W) and (N, 4 A, H, W)."""

    _version = 2

    def __init__(self, in_channels, num_anchors, conv_depth=1):
        super().__init__()
        self.conv = nn.Sequential(
            *(
                Conv2dNormActivation(in_channels, in_channels, 3, norm_layer=None)
                for _ in range(conv_depth)
            )
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", None) in (None, 1):
            # Before version 2 conv was the convolution itself.
            for name in ("weight", "bias"):
                if f"{prefix}conv.{name}" in state_dict:
                    state_dict[f"{prefix}conv.0.0.{name}"] = state_dict.pop(f"{prefix}conv.{name}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x):
        hidden = [self.conv(feature) for feature in x]
        return [self.cls_logits(h) for h in hidden], [self.bbox_pred(h) for h in hidden]


def permute_and_flatten(layer, N, A, C, H, W):
    """(N, A * C, H, W) as (N, H * W * A, C)."""
    return layer.view(N, A, C, H, W).permute(0, 3, 4, 1, 2).reshape(N, -1, C)


def concat_box_prediction_layers(box_cls, box_regression):
    """Predictions of all levels: (images * anchors, classes) and (images * anchors, 4)."""
    columns = [c.shape[1] * 4 // r.shape[1] for c, r in zip(box_cls, box_regression)]
    classes = cat([det_utils.flat_predictions(c, n) for c, n in zip(box_cls, columns)], dim=1)
    offsets = cat([det_utils.flat_predictions(r, 4) for r in box_regression], dim=1)
    return classes.flatten(0, -2), offsets.reshape(-1, 4)


class RegionProposalNetwork(nn.Module):
    """Images and their features to proposals, a list of boxes an image, and in training losses.

    pre_nms_top_n, post_nms_top_n: {"training": ..., "testing": ...}, how many boxes stay before (a level) and after
    those that overlap are left out.
    """

    def __init__(
        self, anchor_generator, head, fg_iou_thresh, bg_iou_thresh, batch_size_per_image,
        positive_fraction, pre_nms_top_n, post_nms_top_n, nms_thresh, score_thresh=0.0,
    ):  # fmt: skip
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self):
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self):
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(self, anchors, targets):
        """Labels of anchors (1 object, 0 background, -1 neither) and the boxes they are matched to, an image each."""
        labels, matched = [], []
        for own, target in zip(anchors, targets):
            boxes = target["boxes"]
            if boxes.numel() == 0:
                matched.append(own.new_zeros(own.shape))
                labels.append(own.new_zeros(len(own)))
                continue
            places = self.proposal_matcher(self.box_similarity(boxes, own))
            matched.append(boxes[places.clamp(min=0)])
            label = (places >= 0).to(own.dtype)
            labels.append(where(places == self.proposal_matcher.BETWEEN_THRESHOLDS, -1.0, label))
        return labels, matched

    def _best_of_levels(self, objectness, counts):
        """The places of the best scores of each level."""
        places, offset = [], 0
        for level in objectness.split(counts, 1):
            n = min(level.shape[1], self.pre_nms_top_n())
            places.append(level.topk(n, dim=1)[1] + offset)
            offset += level.shape[1]
        return cat(places, dim=1)

    def filter_proposals(self, proposals, objectness, image_shapes, num_anchors_per_level):
        """The best proposals (images, anchors, 4) of each image, and their scores."""
        n = proposals.shape[0]
        objectness = objectness.detach().reshape(n, -1)
        level = cat(
            [objectness.new_full((c,), i, dtype=int) for i, c in enumerate(num_anchors_per_level)]
        )
        level = level.reshape(1, -1).expand_as(objectness)
        top = self._best_of_levels(objectness, num_anchors_per_level)
        rows = arange(n, device=proposals.device)[:, None]
        scores = sigmoid(objectness[rows, top])
        best = [], []
        for boxes, score, own, shape in zip(
            proposals[rows, top], scores, level[rows, top], image_shapes
        ):
            boxes = box_ops.clip_boxes_to_image(boxes, shape)
            keep = box_ops.remove_small_boxes(boxes, self.min_size)
            keep = keep[score[keep] >= self.score_thresh]
            boxes, score, own = boxes[keep], score[keep], own[keep]
            keep = box_ops.batched_nms(boxes, score, own, self.nms_thresh)[: self.post_nms_top_n()]
            best[0].append(boxes[keep])
            best[1].append(score[keep])
        return best

    def compute_loss(self, objectness, pred_bbox_deltas, labels, regression_targets):
        """(loss of objectness, loss of boxes) of a sample of the anchors."""
        positive, negative = (where(cat(masks))[0] for masks in self.fg_bg_sampler(labels))
        sampled = cat([positive, negative])
        labels, targets = cat(labels), cat(list(regression_targets))
        box_loss = (
            F.smooth_l1_loss(
                pred_bbox_deltas[positive], targets[positive], beta=1 / 9, reduction="sum"
            )
            / sampled.numel()
        )
        seen = objectness.flatten()[sampled]
        return F.binary_cross_entropy_with_logits(seen, labels[sampled]), box_loss

    def forward(self, images, features, targets=None):
        features = list(features.values())
        objectness, deltas = self.head(features)
        anchors = self.anchor_generator(images, features)
        counts = [o[0].numel() for o in objectness]
        objectness, deltas = concat_box_prediction_layers(objectness, deltas)
        # Proposals are where later layers look: no gradient goes through them.
        proposals = self.box_coder.decode(deltas.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("RegionProposalNetwork: in training it takes targets, too.")
        with no_grad():
            labels, matched = self.assign_targets_to_anchors(anchors, targets)
            regression_targets = self.box_coder.encode(matched, anchors)
        of_objects, of_boxes = self.compute_loss(objectness, deltas, labels, regression_targets)
        return boxes, {"loss_objectness": of_objects, "loss_rpn_box_reg": of_boxes}
