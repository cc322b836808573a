"""Swin for videos (see ../_windows.py)."""

import math
from functools import partial

from .... import nn
from ....fx import wrap
from ....nn import functional as F
from .._api import lazy_weights
from .._builder import builder
from .._windows import ShiftedWindowAttention
from ..swin_transformer import PatchMerging, SwinTransformerBlock, initialise, stages

__all__ = ["SwinTransformer3d", "swin3d_b", "swin3d_s", "swin3d_t"]


class ShiftedWindowAttention3d(ShiftedWindowAttention):
    """Attention in windows of time and space; a window never reaches beyond the video: (B, T, H, W, C)."""

    def define_relative_position_index(self):
        super().define_relative_position_index()
        places = math.prod(self.window_size)
        self.relative_position_index = self.relative_position_index.view(places, places)

    def forward(self, x):
        window, shift = clipped(x, self.window_size, self.shift_size)
        bias = clipped_bias(self.relative_position_bias_table, self.relative_position_index, window)
        return self._attend(x, bias, window, shift)


def clipped(x, window_size, shift_size):
    """A window no larger than the video, and its shift: 0 where one window covers a size."""
    sizes = x.shape[1:-1]
    window = [min(w, size) for w, size in zip(window_size, sizes)]
    return window, [0 if w >= size else s for w, s, size in zip(window_size, shift_size, sizes)]


def clipped_bias(table, index, window):
    """The biases of the places of a window: (1, heads, places, places)."""
    places = math.prod(window)
    bias = table[index[:places, :places].flatten()].view(places, places, -1)
    return bias.permute(2, 0, 1).unsqueeze(0)


def whole_patches(x, patch_size):
    """A video padded to multiples of patch_size."""
    t, h, w = (-size % patch for size, patch in zip(x.shape[2:], patch_size))
    return F.pad(x, (0, w, 0, h, 0, t))


for _name in ("clipped", "clipped_bias", "whole_patches"):
    wrap(_name)  # they branch on sizes, so fx does not enter them


class PatchEmbed3d(nn.Module):
    """Videos (B, 3, T, H, W), padded to whole patches, as (B, T', H', W', embed_dim)."""

    def __init__(self, patch_size, in_channels=3, embed_dim=96, norm_layer=None):
        super().__init__()
        self.tuple_patch_size = tuple(patch_size)
        self.proj = nn.Conv3d(in_channels, embed_dim, self.tuple_patch_size, self.tuple_patch_size)
        self.norm = norm_layer(embed_dim) if norm_layer is not None else nn.Identity()

    def forward(self, x):
        x = self.proj(whole_patches(x, self.tuple_patch_size))
        return self.norm(x.permute(0, 2, 3, 4, 1))


class SwinTransformer3d(nn.Module):
    """Videos (N, 3, T, H, W) to scores (N, num_classes)."""

    def __init__(
        self, patch_size, embed_dim, depths, num_heads, window_size, mlp_ratio=4.0, dropout=0.0,
        attention_dropout=0.0, stochastic_depth_prob=0.1, num_classes=400, norm_layer=None,
        block=None, downsample_layer=PatchMerging, patch_embed=None,
    ):  # fmt: skip
        super().__init__()
        self.num_classes = num_classes
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        self.patch_embed = (patch_embed or PatchEmbed3d)(
            patch_size=patch_size, embed_dim=embed_dim, norm_layer=norm_layer
        )
        self.pos_drop = nn.Dropout(p=dropout)
        layers, self.num_features = stages(
            embed_dim,
            depths,
            num_heads,
            window_size,
            stochastic_depth_prob,
            block or partial(SwinTransformerBlock, attn_layer=ShiftedWindowAttention3d),
            downsample_layer,
            norm_layer,
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
        )
        self.features = nn.Sequential(*layers)
        self.norm = norm_layer(self.num_features)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(self.num_features, num_classes)
        initialise(self)

    def forward(self, x):
        x = self.norm(self.features(self.pos_drop(self.patch_embed(x))))
        x = self.avgpool(x.permute(0, 4, 1, 2, 3))
        return self.head(x.flatten(1))


def _swin3d(width, depths, heads, **arguments):
    return SwinTransformer3d([2, 4, 4], width, depths, heads, [8, 7, 7], **arguments)


swin3d_t = builder("swin3d_t", "Swin3D_T_Weights", _swin3d, 96, [2, 2, 6, 2], [3, 6, 12, 24])
swin3d_s = builder("swin3d_s", "Swin3D_S_Weights", _swin3d, 96, [2, 2, 18, 2], [3, 6, 12, 24])
swin3d_b = builder("swin3d_b", "Swin3D_B_Weights", _swin3d, 128, [2, 2, 18, 2], [4, 8, 16, 32])

__getattr__ = lazy_weights(__name__)
