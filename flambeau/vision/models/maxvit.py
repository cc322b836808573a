"""MaxViT: convolution, attention in windows, attention over a grid.

Source: Tu et al., "MaxViT: Multi-Axis Vision Transformer", 2022, arXiv:2204.01697, section 3 and table 1.
"""

import math
from collections import OrderedDict
from functools import partial

from ... import empty, nn
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import lazy_weights
from ._builder import builder
from ._utils import initialise_layers
from ._windows import relative_position_index

__all__ = ["MaxVit", "maxvit_t"]


class MBConv(nn.Module):
    """A by-channel convolution between two of 1x1, beside the (pooled, projected) input."""

    def __init__(
        self, in_channels, out_channels, expansion_ratio, squeeze_ratio, stride, activation_layer,
        norm_layer, p_stochastic_dropout=0.0,
    ):  # fmt: skip
        super().__init__()
        if stride != 1 or in_channels != out_channels:
            project = nn.Conv2d(in_channels, out_channels, 1, bias=True)
            pool = [nn.AvgPool2d(3, stride=stride, padding=1)] if stride == 2 else []
            self.proj = nn.Sequential(*pool, project)
        else:
            self.proj = nn.Identity()
        width = int(out_channels * expansion_ratio)
        active = {"norm_layer": norm_layer, "activation_layer": activation_layer, "inplace": None}
        self.stochastic_depth = (
            StochasticDepth(p_stochastic_dropout, "row") if p_stochastic_dropout else nn.Identity()
        )
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=Conv2dNormActivation(in_channels, width, 1, padding=0, **active),
                conv_b=Conv2dNormActivation(
                    width, width, 3, stride, padding=1, groups=width, **active
                ),
                squeeze_excitation=SqueezeExcitation(
                    width, int(out_channels * squeeze_ratio), activation=nn.SiLU
                ),
                conv_c=nn.Conv2d(width, out_channels, 1, bias=True),
            )
        )

    def forward(self, x):
        return self.proj(x) + self.stochastic_depth(self.layers(x))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention among the places of a partition: (B, groups, places, C) to the same."""

    def __init__(self, feat_dim, head_dim, max_seq_len):
        super().__init__()
        if feat_dim % head_dim != 0:
            raise ValueError(
                f"RelativePositionalMultiHeadAttention: feat_dim is {feat_dim}; it must be a multiple of head_dim, "
                f"{head_dim}."
            )
        self.n_heads = feat_dim // head_dim
        self.head_dim = head_dim
        self.size = math.isqrt(max_seq_len)
        self.max_seq_len = max_seq_len
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(feat_dim, feat_dim)
        rows = (2 * self.size - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(empty(rows, self.n_heads))
        self.register_buffer("relative_position_index", relative_position_index([self.size] * 2))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self):
        """(1, heads, places, places)."""
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        bias = bias.view(self.max_seq_len, self.max_seq_len, -1).permute(2, 0, 1)
        return bias.contiguous().unsqueeze(0)

    def forward(self, x):
        batch, groups, places, width = x.shape
        qkv = self.to_qkv(x).reshape(batch, groups, places, 3, self.n_heads, self.head_dim)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)  # (B, groups, heads, places, head_dim)
        scores = q @ (k * self.scale_factor).transpose(-2, -1) + self.get_relative_positional_bias()
        x = F.softmax(scores, dim=-1) @ v
        return self.merge(x.transpose(2, 3).reshape(batch, groups, places, width))


class SwapAxes(nn.Module):
    """Swaps two dimensions."""

    def __init__(self, a, b):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self, x):
        return x.transpose(self.a, self.b)


class WindowPartition(nn.Module):
    """(B, C, H, W) as (B, windows, p * p, C)."""

    def forward(self, x, p):
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(b, (h // p) * (w // p), p * p, c)


class WindowDepartition(nn.Module):
    """The inverse of WindowPartition."""

    def forward(self, x, p, h_partitions, w_partitions):
        b, _, _, c = x.shape
        x = x.reshape(b, h_partitions, w_partitions, p, p, c).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(b, c, h_partitions * p, w_partitions * p)


class PartitionAttentionLayer(nn.Module):
    """Attention and MLP within windows, or over a grid of places far from each other."""

    def __init__(
        self, in_channels, head_dim, partition_size, partition_type, grid_size, mlp_ratio,
        activation_layer, norm_layer, attention_dropout, mlp_dropout, p_stochastic_dropout,
    ):  # fmt: skip
        super().__init__()
        if partition_type not in ("grid", "window"):
            raise ValueError(
                f"PartitionAttentionLayer: partition_type is {partition_type!r}; it must be 'grid' or 'window'."
            )
        self.grid_size = grid_size
        self.n_partitions = grid_size[0] // partition_size
        self.partition_size = partition_size
        grid = partition_type == "grid"
        self.p, self.g = (self.n_partitions, partition_size)[:: 1 if grid else -1]
        self.partition_op = WindowPartition()
        self.departition_op = WindowDepartition()
        self.partition_swap = SwapAxes(-2, -3) if grid else nn.Identity()
        self.departition_swap = SwapAxes(-2, -3) if grid else nn.Identity()
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, "row")

    def forward(self, x):
        high, wide = self.grid_size[0] // self.p, self.grid_size[1] // self.p
        if self.grid_size[0] % self.p or self.grid_size[1] % self.p:
            raise AssertionError(
                f"PartitionAttentionLayer: sizes {self.grid_size} are not multiples of the partition, {self.p}."
            )
        x = self.partition_swap(self.partition_op(x, self.p))
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        return self.departition_op(self.departition_swap(x), self.p, high, wide)


class MaxVitLayer(nn.Module):
    """MBconv, window_attention, grid_attention, one after another."""

    def __init__(
        self, in_channels, out_channels, squeeze_ratio, expansion_ratio, stride, norm_layer,
        activation_layer, head_dim, mlp_ratio, mlp_dropout, attention_dropout, p_stochastic_dropout,
        partition_size, grid_size,
    ):  # fmt: skip
        super().__init__()
        attention = {
            "in_channels": out_channels,
            "head_dim": head_dim,
            "partition_size": partition_size,
            "grid_size": grid_size,
            "mlp_ratio": mlp_ratio,
            "activation_layer": activation_layer,
            "norm_layer": nn.LayerNorm,
            "attention_dropout": attention_dropout,
            "mlp_dropout": mlp_dropout,
            "p_stochastic_dropout": p_stochastic_dropout,
        }
        self.layers = nn.Sequential(
            OrderedDict(
                MBconv=MBConv(
                    in_channels,
                    out_channels,
                    expansion_ratio,
                    squeeze_ratio,
                    stride,
                    activation_layer,
                    norm_layer,
                    p_stochastic_dropout,
                ),
                window_attention=PartitionAttentionLayer(partition_type="window", **attention),
                grid_attention=PartitionAttentionLayer(partition_type="grid", **attention),
            )
        )

    def forward(self, x):
        return self.layers(x)


class MaxVitBlock(nn.Module):
    """The layers of a stage; the first halves the sizes."""

    def __init__(
        self, in_channels, out_channels, n_layers, p_stochastic, input_grid_size, **further
    ):
        super().__init__()
        self.grid_size = _halved(input_grid_size)
        self.layers = nn.ModuleList(
            MaxVitLayer(
                in_channels=in_channels if i == 0 else out_channels,
                out_channels=out_channels,
                stride=2 if i == 0 else 1,
                p_stochastic_dropout=p_stochastic[i],
                grid_size=self.grid_size,
                **further,
            )
            for i in range(n_layers)
        )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def _halved(sizes):
    """Sizes after a 3x3 convolution with stride 2 and padding 1."""
    return tuple((size - 1) // 2 + 1 for size in sizes)


def _grids(input_size, stages, partition_size):
    """The sizes that come into each stage, and those that leave the last."""
    grids = [_halved(input_size)]
    for _ in range(stages):
        grids.append(_halved(grids[-1]))
    if any(size % partition_size for grid in grids[1:] for size in grid):
        raise ValueError(
            f"MaxVit: input_size {tuple(input_size)} gives stages of {grids[1:]}, which are not all multiples of "
            f"partition_size, {partition_size}."
        )
    return grids


class MaxVit(nn.Module):
    """Images (N, 3, *input_size) to scores (N, num_classes)."""

    def __init__(
        self, input_size, stem_channels, partition_size, block_channels, block_layers, head_dim,
        stochastic_depth_prob, norm_layer=None, activation_layer=nn.GELU, squeeze_ratio=0.25,
        expansion_ratio=4, mlp_ratio=4, mlp_dropout=0.0, attention_dropout=0.0, num_classes=1000,
    ):  # fmt: skip
        super().__init__()
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        grids = _grids(input_size, len(block_channels), partition_size)
        self.partition_size = partition_size
        self.stem = nn.Sequential(
            Conv2dNormActivation(
                3,
                stem_channels,
                3,
                stride=2,
                norm_layer=norm_layer,
                activation_layer=activation_layer,
                bias=False,
                inplace=None,
            ),
            Conv2dNormActivation(
                stem_channels, stem_channels, 3, norm_layer=None, activation_layer=None, bias=True
            ),
        )
        total = sum(block_layers)
        chances = [stochastic_depth_prob * i / max(total - 1, 1) for i in range(total)]
        self.blocks = nn.ModuleList()
        width, done = stem_channels, 0
        for out, layers, grid in zip(block_channels, block_layers, grids):
            self.blocks.append(
                MaxVitBlock(
                    width,
                    out,
                    layers,
                    chances[done : done + layers],
                    grid,
                    squeeze_ratio=squeeze_ratio,
                    expansion_ratio=expansion_ratio,
                    norm_layer=norm_layer,
                    activation_layer=activation_layer,
                    head_dim=head_dim,
                    mlp_ratio=mlp_ratio,
                    mlp_dropout=mlp_dropout,
                    attention_dropout=attention_dropout,
                    partition_size=partition_size,
                )
            )
            width, done = out, done + layers
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, num_classes, bias=False),
        )
        initialise_layers(self, nn.Conv2d | nn.Linear, partial(nn.init.normal_, std=0.02))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


def _maxvit(*sizes, **arguments):
    return MaxVit(arguments.pop("input_size", (224, 224)), *sizes, **arguments)


maxvit_t = builder(
    "maxvit_t",
    "MaxVit_T_Weights",
    _maxvit,
    64,
    7,
    [64, 128, 256, 512],
    [2, 2, 5, 2],
    32,
    stochastic_depth_prob=0.2,
)

__getattr__ = lazy_weights(__name__)
