"""RAFT: a flow is corrected step by step, from the correlations of all pairs of pixels.

Source: Teed, Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", 2020, arXiv:2003.12039.
"""

import math

from .... import arange, cat, linspace, meshgrid, nn, relu, sigmoid, split, stack, tanh
from ....nn import functional as F
from ...ops.misc import Conv2dNormActivation
from .._api import lazy_weights
from .._builder import builder

__all__ = ["RAFT", "raft_large", "raft_small"]

_FACTOR = 8  # an image is this many times as large as its features


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the (projected) input."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1, always_project=False):
        super().__init__()
        normed = {"norm_layer": norm_layer, "bias": True}
        self.convnormrelu1 = Conv2dNormActivation(
            in_channels, out_channels, stride=stride, **normed
        )
        self.convnormrelu2 = Conv2dNormActivation(out_channels, out_channels, **normed)
        if stride == 1 and not always_project:
            self.downsample = nn.Identity()
        else:
            self.downsample = Conv2dNormActivation(
                in_channels, out_channels, 1, stride=stride, activation_layer=None, **normed
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.convnormrelu2(self.convnormrelu1(x))
        return self.relu(self.downsample(x) + y)


class BottleneckBlock(nn.Module):
    """A 3x3 convolution of a quarter of the channels between two of 1x1, beside the (projected) input."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1):
        super().__init__()
        normed = {"norm_layer": norm_layer, "bias": True}
        inner = out_channels // 4
        self.convnormrelu1 = Conv2dNormActivation(in_channels, inner, 1, **normed)
        self.convnormrelu2 = Conv2dNormActivation(inner, inner, stride=stride, **normed)
        self.convnormrelu3 = Conv2dNormActivation(inner, out_channels, 1, **normed)
        self.relu = nn.ReLU(inplace=True)
        if stride == 1:
            self.downsample = nn.Identity()
        else:
            self.downsample = Conv2dNormActivation(
                in_channels, out_channels, 1, stride=stride, activation_layer=None, **normed
            )

    def forward(self, x):
        y = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x)))
        return self.relu(self.downsample(x) + y)


class FeatureEncoder(nn.Module):
    """Images (N, 3, H, W) to features (N, layers[-1], H / 8, W / 8)."""

    def __init__(
        self, *, block=ResidualBlock, layers=(64, 64, 96, 128, 256), strides=(2, 1, 2, 2),
        norm_layer=nn.BatchNorm2d,
    ):  # fmt: skip
        super().__init__()
        if len(layers) != 5:
            raise ValueError(f"FeatureEncoder: layers has {len(layers)} widths; it must have 5.")
        self.convnormrelu = Conv2dNormActivation(
            3, layers[0], kernel_size=7, stride=strides[0], norm_layer=norm_layer, bias=True
        )
        for i in (1, 2, 3):
            first = block(layers[i - 1], layers[i], norm_layer=norm_layer, stride=strides[i])
            second = block(layers[i], layers[i], norm_layer=norm_layer)
            setattr(self, f"layer{i}", nn.Sequential(first, second))
        self.conv = nn.Conv2d(layers[3], layers[4], 1)
        self.output_dim = layers[-1]
        self.downsample_factor = math.prod(strides)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        return self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(x)))))


class MotionEncoder(nn.Module):
    """What the correlations and the flow so far say of the motion: (N, out_channels, h, w)."""

    def __init__(
        self, *, in_channels_corr, corr_layers=(256, 192), flow_layers=(128, 64), out_channels=128
    ):
        super().__init__()
        if len(flow_layers) != 2 or len(corr_layers) not in (1, 2):
            raise ValueError(
                f"MotionEncoder: {len(flow_layers)} flow_layers and {len(corr_layers)} corr_layers; there must be 2, "
                "and 1 or 2."
            )
        self.convcorr1 = Conv2dNormActivation(in_channels_corr, corr_layers[0], 1, norm_layer=None)
        self.convcorr2 = nn.Identity()
        if len(corr_layers) == 2:
            self.convcorr2 = Conv2dNormActivation(*corr_layers, norm_layer=None)
        self.convflow1 = Conv2dNormActivation(2, flow_layers[0], 7, norm_layer=None)
        self.convflow2 = Conv2dNormActivation(*flow_layers, norm_layer=None)
        # The flow itself is put beside what comes out.
        self.conv = Conv2dNormActivation(
            corr_layers[-1] + flow_layers[-1], out_channels - 2, norm_layer=None
        )
        self.out_channels = out_channels

    def forward(self, flow, corr_features):
        corr = self.convcorr2(self.convcorr1(corr_features))
        seen = self.conv(cat([corr, self.convflow2(self.convflow1(flow))], dim=1))
        return cat([seen, flow], dim=1)


class ConvGRU(nn.Module):
    """A gated recurrent cell of convolutions."""

    def __init__(self, *, input_size, hidden_size, kernel_size, padding):
        super().__init__()
        for gate in ("convz", "convr", "convq"):
            conv = nn.Conv2d(hidden_size + input_size, hidden_size, kernel_size, padding=padding)
            setattr(self, gate, conv)

    def forward(self, h, x):
        both = cat([h, x], dim=1)
        z, r = sigmoid(self.convz(both)), sigmoid(self.convr(both))
        q = tanh(self.convq(cat([r * h, x], dim=1)))
        return (1 - z) * h + z * q


class RecurrentBlock(nn.Module):
    """One cell, or two, the first a row and the second a column."""

    def __init__(
        self, *, input_size, hidden_size, kernel_size=((1, 5), (5, 1)), padding=((0, 2), (2, 0))
    ):
        super().__init__()
        if len(kernel_size) != len(padding) or len(kernel_size) not in (1, 2):
            raise ValueError(
                f"RecurrentBlock: {len(kernel_size)} kernel_size and {len(padding)} padding; there must be 1 or 2 of each."
            )
        for i, (kernel, pad) in enumerate(zip(kernel_size, padding), 1):
            cell = ConvGRU(
                input_size=input_size, hidden_size=hidden_size, kernel_size=kernel, padding=pad
            )
            setattr(self, f"convgru{i}", cell)
        self.hidden_size = hidden_size

    def forward(self, h, x):
        for cell in self.children():
            h = cell(h, x)
        return h


class FlowHead(nn.Module):
    """The correction of the flow: (N, 2, h, w)."""

    def __init__(self, *, in_channels, hidden_size):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden_size, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden_size, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv2(self.relu(self.conv1(x)))


class UpdateBlock(nn.Module):
    """One step: the next hidden state, and the correction of the flow."""

    def __init__(self, *, motion_encoder, recurrent_block, flow_head):
        super().__init__()
        self.motion_encoder = motion_encoder
        self.recurrent_block = recurrent_block
        self.flow_head = flow_head
        self.hidden_state_size = recurrent_block.hidden_size

    def forward(self, hidden_state, context, corr_features, flow):
        motion = self.motion_encoder(flow, corr_features)
        hidden_state = self.recurrent_block(hidden_state, cat([context, motion], dim=1))
        return hidden_state, self.flow_head(hidden_state)


class MaskPredictor(nn.Module):
    """Weights by which the flow of a pixel is mixed of its 9 coarse neighbours: (N, 8 * 8 * 9, h, w)."""

    def __init__(self, *, in_channels, hidden_size, multiplier=0.25):
        super().__init__()
        self.convrelu = Conv2dNormActivation(in_channels, hidden_size, norm_layer=None)
        self.conv = nn.Conv2d(hidden_size, _FACTOR * _FACTOR * 9, 1)
        self.multiplier = multiplier

    def forward(self, x):
        return self.multiplier * self.conv(self.convrelu(x))


class CorrBlock(nn.Module):
    """Correlations of every pixel of one image with those of the other, at several scales."""

    def __init__(self, *, num_levels=4, radius=4):
        super().__init__()
        self.num_levels = num_levels
        self.radius = radius
        self.corr_pyramid = [None]
        self.out_channels = num_levels * (2 * radius + 1) ** 2

    def build_pyramid(self, fmap1, fmap2):
        """Keeps the correlations of two features (N, C, h, w); ValueError where they are too small for the levels."""
        if fmap1.shape != fmap2.shape:
            raise ValueError(
                f"CorrBlock: features are {tuple(fmap1.shape)} and {tuple(fmap2.shape)}; they must be alike."
            )
        n, c, h, w = fmap1.shape
        least = 2 * 2 ** (self.num_levels - 1)
        if min(h, w) < least:
            raise ValueError(
                f"CorrBlock: features are {h} x {w}; {self.num_levels} levels need {least} x {least}, that is images of "
                f"{_FACTOR * least} pixels."
            )
        volume = fmap1.flatten(2).transpose(1, 2) @ fmap2.flatten(2) / math.sqrt(c)
        level = volume.reshape(n * h * w, 1, h, w)
        self.corr_pyramid = [level]
        for _ in range(self.num_levels - 1):
            level = F.avg_pool2d(level, 2, stride=2)
            self.corr_pyramid.append(level)

    def index_pyramid(self, centroids_coords):
        """The correlations around places (N, 2, h, w): (N, out_channels, h, w)."""
        n, _, h, w = centroids_coords.shape
        side = linspace(
            -self.radius, self.radius, 2 * self.radius + 1, device=centroids_coords.device
        )
        around = stack(meshgrid(side, side, indexing="ij"), dim=-1)[None]
        centres = centroids_coords.permute(0, 2, 3, 1).reshape(n * h * w, 1, 1, 2)
        seen = []
        for level in self.corr_pyramid:
            sampled = grid_sample(level, centres + around, align_corners=True, mode="bilinear")
            seen.append(sampled.view(n, h, w, -1))
            centres = centres / 2
        return cat(seen, dim=-1).permute(0, 3, 1, 2).contiguous()


def grid_sample(img, absolute_grid, mode="bilinear", align_corners=None):
    """functional.grid_sample at places (..., 2) in pixels, x before y."""
    h, w = img.shape[-2:]
    x, y = absolute_grid.unbind(-1)
    grid = stack([2 * x / (w - 1) - 1, 2 * y / (h - 1) - 1 if h > 1 else y], dim=-1)
    return F.grid_sample(img, grid, mode=mode, align_corners=align_corners)


def make_coords_grid(batch_size, h, w, device="cpu"):
    """The place of each pixel, x before y: (batch_size, 2, h, w)."""
    y, x = meshgrid(arange(h, device=device), arange(w, device=device), indexing="ij")
    return stack([x, y], dim=0).float()[None].repeat(batch_size, 1, 1, 1)


def upsample_flow(flow, up_mask=None, factor=_FACTOR):
    """A flow (N, 2, h, w) as (N, 2, factor h, factor w), mixed by a mask or else bilinear."""
    n, channels, h, w = flow.shape
    if up_mask is None:
        size = (factor * h, factor * w)
        return factor * F.interpolate(flow, size=size, mode="bilinear", align_corners=True)
    mask = up_mask.view(n, 1, 9, factor, factor, h, w).softmax(dim=2)
    around = F.unfold(factor * flow, kernel_size=3, padding=1).view(n, channels, 9, 1, 1, h, w)
    mixed = (mask * around).sum(dim=2).permute(0, 1, 4, 2, 5, 3)  # (N, 2, h, factor, w, factor)
    return mixed.reshape(n, channels, factor * h, factor * w)


class RAFT(nn.Module):
    """Two images (N, 3, H, W), H and W multiples of 8 and at least 128, to a list of flows (N, 2, H, W), the last the best."""

    def __init__(
        self, *, feature_encoder, context_encoder, corr_block, update_block, mask_predictor=None
    ):
        super().__init__()
        self.feature_encoder, self.context_encoder = feature_encoder, context_encoder
        self.corr_block = corr_block
        self.update_block = update_block
        self.mask_predictor = mask_predictor
        if not hasattr(update_block, "hidden_state_size"):
            raise ValueError(
                "RAFT: update_block has no hidden_state_size, the channels of its state."
            )

    def forward(self, image1, image2, num_flow_updates=12):
        n, _, h, w = image1.shape
        if image2.shape[-2:] != (h, w) or h % _FACTOR or w % _FACTOR:
            raise ValueError(
                f"RAFT: images are {h} x {w} and {' x '.join(map(str, image2.shape[-2:]))}; they must be alike, and "
                f"multiples of {_FACTOR}."
            )
        features1, features2 = self.feature_encoder(cat([image1, image2], dim=0)).chunk(2, dim=0)
        self.corr_block.build_pyramid(features1, features2)
        context = self.context_encoder(image1)
        width = self.update_block.hidden_state_size
        if context.shape[1] <= width:
            raise ValueError(
                f"RAFT: context_encoder gives {context.shape[1]} channels; they must be more than the hidden state's {width}."
            )
        hidden, context = split(context, [width, context.shape[1] - width], dim=1)
        hidden, context = tanh(hidden), relu(context)
        start = make_coords_grid(n, h // _FACTOR, w // _FACTOR, features1.device)
        places, flows = start, []
        for _ in range(num_flow_updates):
            places = places.detach()  # each step learns by itself
            seen = self.corr_block.index_pyramid(places)
            hidden, correction = self.update_block(hidden, context, seen, places - start)
            places = places + correction
            mask = None if self.mask_predictor is None else self.mask_predictor(hidden)
            flows.append(upsample_flow(places - start, mask))
        return flows


# fmt: off
_LARGE = {
    "block": ResidualBlock, "features": (64, 64, 96, 128, 256), "context": (64, 64, 96, 128, 256),
    "context_norm": nn.BatchNorm2d, "radius": 4, "corr_layers": (256, 192), "flow_layers": (128, 64), "motion": 128,
    "hidden": 128, "kernel": ((1, 5), (5, 1)), "padding": ((0, 2), (2, 0)), "head": 256, "mask": True,
}
_SMALL = {
    "block": BottleneckBlock, "features": (32, 32, 64, 96, 128), "context": (32, 32, 64, 96, 160),
    "context_norm": None, "radius": 3, "corr_layers": (96,), "flow_layers": (64, 32), "motion": 82,
    "hidden": 96, "kernel": (3,), "padding": (1,), "head": 128, "mask": False,
}
# fmt: on


def _raft(sizes, **parts):
    """RAFT by a row of sizes; `parts` replace its modules by their names."""

    def part(name, make):
        return parts.pop(name) if name in parts else make()

    feature = part(
        "feature_encoder",
        lambda: FeatureEncoder(
            block=sizes["block"], layers=sizes["features"], norm_layer=nn.InstanceNorm2d
        ),
    )
    context = part(
        "context_encoder",
        lambda: FeatureEncoder(
            block=sizes["block"], layers=sizes["context"], norm_layer=sizes["context_norm"]
        ),
    )
    corr = part("corr_block", lambda: CorrBlock(num_levels=4, radius=sizes["radius"]))
    hidden = sizes["hidden"]

    def update():
        motion = MotionEncoder(
            in_channels_corr=corr.out_channels,
            corr_layers=sizes["corr_layers"],
            flow_layers=sizes["flow_layers"],
            out_channels=sizes["motion"],
        )
        recurrent = RecurrentBlock(
            input_size=sizes["motion"] + sizes["context"][-1] - hidden,
            hidden_size=hidden,
            kernel_size=sizes["kernel"],
            padding=sizes["padding"],
        )
        head = FlowHead(in_channels=hidden, hidden_size=sizes["head"])
        return UpdateBlock(motion_encoder=motion, recurrent_block=recurrent, flow_head=head)

    def mask():
        return MaskPredictor(in_channels=hidden, hidden_size=256) if sizes["mask"] else None

    return RAFT(
        feature_encoder=feature,
        context_encoder=context,
        corr_block=corr,
        update_block=part("update_block", update),
        mask_predictor=part("mask_predictor", mask),
        **parts,
    )


raft_large = builder("raft_large", "Raft_Large_Weights", _raft, _LARGE)
raft_small = builder("raft_small", "Raft_Small_Weights", _raft, _SMALL)

__getattr__ = lazy_weights(__name__)
