"""Swin v1 and v2: attention in windows that move from block to block (see _windows.py)."""

import math
from functools import partial

from ... import cat, log, nn, ones, sigmoid
from ...fx import wrap
from ...nn import functional as F
from ..ops.misc import MLP, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import lazy_weights
from ._builder import builder
from ._utils import initialise_layers
from ._windows import ShiftedWindowAttention, relative_coordinates, shifted_window_attention

__all__ = [
    "PatchMerging", "PatchMergingV2", "ShiftedWindowAttention", "ShiftedWindowAttentionV2", "SwinTransformer",
    "SwinTransformerBlock", "SwinTransformerBlockV2", "shifted_window_attention", "swin_b", "swin_s", "swin_t",
    "swin_v2_b", "swin_v2_s", "swin_v2_t",
]  # fmt: skip


def merge_patches(x):
    """Each 2 x 2 neighbours side by side: (..., H, W, C) to (..., H / 2, W / 2, 4 C), padded to even sizes."""
    h, w = x.shape[-3:-1]
    x = F.pad(x, (0, 0, 0, w % 2, 0, h % 2))
    left, right = x[..., 0::2, :], x[..., 1::2, :]
    parts = [
        left[..., 0::2, :, :],
        left[..., 1::2, :, :],
        right[..., 0::2, :, :],
        right[..., 1::2, :, :],
    ]
    return cat(parts, -1)


wrap("merge_patches")


class _Merging(nn.Module):
    _normed = None  # how many times dim the channels are that get the norm

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(self._normed * dim)


class PatchMerging(_Merging):
    """Half the height and width, twice the channels: norm, then a linear layer."""

    _normed = 4

    def forward(self, x):
        return self.reduction(self.norm(merge_patches(x)))


class PatchMergingV2(_Merging):
    """Half the height and width, twice the channels: a linear layer, then norm."""

    _normed = 2

    def forward(self, x):
        return self.norm(self.reduction(merge_patches(x)))


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Attention of cosines, its relative positions from a small network."""

    def __init__(self, dim, window_size, shift_size, num_heads, *rest, **further):
        super().__init__(dim, window_size, shift_size, num_heads, *rest, **further)
        self.logit_scale = nn.Parameter(log(10 * ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512, bias=True),
            nn.ReLU(inplace=True),
            nn.Linear(512, num_heads, bias=False),
        )
        if self.qkv.bias is not None:
            third = self.qkv.bias.numel() // 3
            nn.init.zeros_(self.qkv.bias[third : 2 * third])

    def define_relative_position_bias_table(self):
        self.register_buffer("relative_coords_table", relative_coordinates(self.window_size))

    def get_relative_position_bias(self):
        table = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
        places = math.prod(self.window_size)
        bias = table[self.relative_position_index].view(places, places, -1)
        return 16 * sigmoid(bias.permute(2, 0, 1).contiguous().unsqueeze(0))

    def forward(self, x):
        bias = self.get_relative_position_bias()
        return self._attend(x, bias, self.window_size, self.shift_size, self.logit_scale)


class SwinTransformerBlock(nn.Module):
    """Attention and MLP after norms, beside the identity: (B, *sizes, dim)."""

    _attention = ShiftedWindowAttention

    def __init__(
        self, dim, num_heads, window_size, shift_size, mlp_ratio=4.0, dropout=0.0,
        attention_dropout=0.0, stochastic_depth_prob=0.0, norm_layer=nn.LayerNorm, attn_layer=None,
    ):  # fmt: skip
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = (attn_layer or self._attention)(
            dim,
            window_size,
            shift_size,
            num_heads,
            attention_dropout=attention_dropout,
            dropout=dropout,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(
            dim,
            [int(dim * mlp_ratio), dim],
            activation_layer=nn.GELU,
            inplace=None,
            dropout=dropout,
        )
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x):
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The norms come after attention and MLP."""

    _attention = ShiftedWindowAttentionV2

    def forward(self, x):
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


def stages(
    width, depths, num_heads, window_size, stochastic_depth_prob, block, downsample_layer,
    norm_layer, **further,
):  # fmt: skip
    """(list of stages with what halves their sizes between them, width of the last)."""
    layers, done, last = [], 0, sum(depths) - 1
    for i, (depth, heads) in enumerate(zip(depths, num_heads)):
        stage = []
        for j in range(depth):
            stage.append(
                block(
                    width,
                    heads,
                    window_size=window_size,
                    shift_size=[0 if j % 2 == 0 else w // 2 for w in window_size],
                    stochastic_depth_prob=stochastic_depth_prob * done / last,
                    norm_layer=norm_layer,
                    **further,
                )
            )
            done += 1
        layers.append(nn.Sequential(*stage))
        if i < len(depths) - 1:
            if downsample_layer is not None:
                layers.append(downsample_layer(width, norm_layer))
            width *= 2
    return layers, width


def initialise(model):
    initialise_layers(model, nn.Linear, partial(nn.init.trunc_normal_, std=0.02))


class SwinTransformer(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes)."""

    def __init__(
        self, patch_size, embed_dim, depths, num_heads, window_size, mlp_ratio=4.0, dropout=0.0,
        attention_dropout=0.0, stochastic_depth_prob=0.1, num_classes=1000, norm_layer=None,
        block=None, downsample_layer=PatchMerging,
    ):  # fmt: skip
        super().__init__()
        self.num_classes = num_classes
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        patches = nn.Sequential(
            nn.Conv2d(3, embed_dim, tuple(patch_size), tuple(patch_size)),
            Permute([0, 2, 3, 1]),
            norm_layer(embed_dim),
        )
        layers, width = stages(
            embed_dim,
            depths,
            num_heads,
            window_size,
            stochastic_depth_prob,
            block or SwinTransformerBlock,
            downsample_layer,
            norm_layer,
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
        )
        self.features = nn.Sequential(patches, *layers)
        self.norm = norm_layer(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        initialise(self)

    def forward(self, x):
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))


# width, depths, heads, probability of leaving out a branch
_TABLE = {
    "T": (96, [2, 2, 6, 2], [3, 6, 12, 24], 0.2),
    "S": (96, [2, 2, 18, 2], [3, 6, 12, 24], 0.3),
    "B": (128, [2, 2, 18, 2], [4, 8, 16, 32], 0.5),
}


def _swin(width, depths, heads, window, **arguments):
    return SwinTransformer([4, 4], width, depths, heads, [window, window], **arguments)


_V2 = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}

swin_t, swin_s, swin_b, swin_v2_t, swin_v2_s, swin_v2_b = (
    builder(
        f"swin_{version}{size.lower()}",
        f"Swin_{version.upper()}{size}_Weights",
        _swin,
        width,
        depths,
        heads,
        window,
        stochastic_depth_prob=probability,
        **further,
    )
    for version, window, further in (("", 7, {}), ("v2_", 8, _V2))
    for size, (width, depths, heads, probability) in _TABLE.items()
)

__getattr__ = lazy_weights(__name__)
