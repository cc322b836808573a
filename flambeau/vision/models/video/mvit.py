"""MViT v1 and v2: attention whose queries, keys and values are pooled.

Source: Fan et al., "Multiscale Vision Transformers", 2021, arXiv:2104.11227, section 3; Li et al., "MViTv2", 2022,
arXiv:2112.01526, section 3.1, eq. 3 to 5.
"""

import math
from dataclasses import dataclass
from functools import partial

from .... import arange, cat, einsum, nn, zeros
from ....fx import wrap
from ....nn import functional as F
from ...ops.misc import MLP
from ...ops.stochastic_depth import StochasticDepth
from .._api import lazy_weights
from .._builder import builder

__all__ = ["MViT", "MSBlockConfig", "mvit_v1_b", "mvit_v2_s"]


@dataclass
class MSBlockConfig:
    """One block: heads, widths, and kernels and strides (T, H, W) of its poolings; empty ones pool nothing."""

    num_heads: int
    input_channels: int
    output_channels: int
    kernel_q: list
    kernel_kv: list
    stride_q: list
    stride_kv: list


# Tracing leaves these as they are, since they ask for sizes.


@wrap
def _with_dim(x, ndim, dim):
    """x with a dim of one, if it has less than ndim."""
    return x.unsqueeze(dim) if x.ndim == ndim - 1 else x


@wrap
def _without_dim(x, given, dim):
    """x without the dim that `given` did not have."""
    return x.squeeze(dim) if given.ndim < x.ndim else x


class Pool(nn.Module):
    """Pools tokens over time and space, the class token left as it is: (B, N, 1 + T H W, C) or without N."""

    def __init__(self, pool, norm, activation=None, norm_before_pool=False):
        super().__init__()
        self.pool = pool
        layers = [layer for layer in (norm, activation) if layer is not None]
        self.norm_act = nn.Sequential(*layers) if layers else None
        self.norm_before_pool = norm_before_pool

    def forward(self, x, thw):
        given, x = x, _with_dim(x, 4, 1)
        token, x = x[:, :, :1], x[:, :, 1:]
        b, n, _, c = x.shape
        if self.norm_act is not None and self.norm_before_pool:
            x = self.norm_act(x)
        x = self.pool(x.transpose(2, 3).reshape((b * n, c) + thw))
        thw = x.shape[2:]
        x = cat((token, x.reshape(b, n, c, -1).transpose(2, 3)), dim=2)
        if self.norm_act is not None and not self.norm_before_pool:
            x = self.norm_act(x)
        return _without_dim(x, given, 1), thw


def _interpolated(table, length):
    """A table (L, C) of relative positions with `length` rows."""
    if table.shape[0] == length:
        return table
    rows = table.t().unsqueeze(0)
    return F.interpolate(rows, size=length, mode="linear", align_corners=False)[0].t()


def _relative(table, q_size, k_size):
    """The rows of a table for each query and key along one dimension: (q_size, k_size, C)."""
    table = _interpolated(table, 2 * max(q_size, k_size) - 1)
    q_ratio, k_ratio = max(k_size / q_size, 1.0), max(q_size / k_size, 1.0)
    q = arange(q_size, device=table.device)[:, None] * q_ratio
    k = (arange(k_size, device=table.device)[None, :] + (1.0 - k_size)) * k_ratio
    return table[(q - k).long()]


@wrap
def _relative_scores(q, q_thw, k_thw, tables):
    """What relative positions add to the scores of tokens: (B, N, queries, keys), without the class token."""
    b, n, _, c = q.shape
    q = q[:, :, 1:].reshape(b, n, *q_thw, c)
    along = zip("thw", (_relative(t, *sizes) for t, *sizes in zip(tables, q_thw, k_thw)))
    t, h, w = (einsum(f"bythwc,{dim}kc->bythwk", q, rows) for dim, rows in along)
    scores = t[..., :, None, None] + h[..., None, :, None] + w[..., None, None, :]
    return scores.reshape(b, n, math.prod(q_thw), math.prod(k_thw))


class MultiscaleAttention(nn.Module):
    """Attention (B, 1 + T H W, embed_dim) to (B, 1 + T' H' W', output_dim), and the new (T', H', W')."""

    def __init__(
        self, input_size, embed_dim, output_dim, num_heads, kernel_q, kernel_kv, stride_q,
        stride_kv, residual_pool, residual_with_cls_embed, rel_pos_embed, dropout=0.0,
        norm_layer=nn.LayerNorm,
    ):  # fmt: skip
        super().__init__()
        self.embed_dim = embed_dim
        self.output_dim = output_dim
        self.num_heads = num_heads
        self.head_dim = output_dim // num_heads
        self.scaler = 1.0 / math.sqrt(self.head_dim)
        self.residual_pool = residual_pool
        self.residual_with_cls_embed = residual_with_cls_embed
        self.qkv = nn.Linear(embed_dim, 3 * output_dim)
        layers = [nn.Linear(output_dim, output_dim)]
        if dropout > 0.0:
            layers.append(nn.Dropout(dropout, inplace=True))
        self.project = nn.Sequential(*layers)
        self.pool_q = self._pool(kernel_q, stride_q, norm_layer)
        self.pool_k = self._pool(kernel_kv, stride_kv, norm_layer)
        self.pool_v = self._pool(kernel_kv, stride_kv, norm_layer)
        self.rel_pos_h = self.rel_pos_w = self.rel_pos_t = None
        if rel_pos_embed:
            size = max(input_size[1:])
            q_size = size // stride_q[1] if len(stride_q) > 0 else size
            kv_size = size // stride_kv[1] if len(stride_kv) > 0 else size
            rows = {
                "h": 2 * max(q_size, kv_size) - 1,
                "w": 2 * max(q_size, kv_size) - 1,
                "t": 2 * input_size[0] - 1,
            }
            for dim, length in rows.items():
                table = nn.Parameter(zeros(length, self.head_dim))
                nn.init.trunc_normal_(table, std=0.02)
                setattr(self, f"rel_pos_{dim}", table)

    def _pool(self, kernel, stride, norm_layer):
        if math.prod(kernel) <= 1 and math.prod(stride) <= 1:
            return None
        width = self.head_dim
        padding = [k // 2 for k in kernel]
        conv = nn.Conv3d(
            width, width, tuple(kernel), tuple(stride), tuple(padding), groups=width, bias=False
        )
        return Pool(conv, norm_layer(width))

    def forward(self, x, thw):
        b, length, _ = x.shape
        qkv = self.qkv(x).reshape(b, length, 3, self.num_heads, self.head_dim)
        q, k, v = qkv.transpose(1, 3).unbind(dim=2)  # each (B, heads, 1 + T H W, head_dim)
        q_thw = k_thw = thw
        if self.pool_k is not None:
            k, k_thw = self.pool_k(k, thw)
        if self.pool_v is not None:
            v, _ = self.pool_v(v, thw)
        if self.pool_q is not None:
            q, q_thw = self.pool_q(q, thw)
        scores = (self.scaler * q) @ k.transpose(2, 3)
        if self.rel_pos_h is not None:
            tables = (self.rel_pos_t, self.rel_pos_h, self.rel_pos_w)
            scores = scores + F.pad(_relative_scores(q, q_thw, k_thw, tables), (1, 0, 1, 0))
        x = scores.softmax(dim=-1) @ v
        if self.residual_pool:
            x = x + (q if self.residual_with_cls_embed else F.pad(q[:, :, 1:], (0, 0, 1, 0)))
        x = x.transpose(1, 2).reshape(b, -1, self.output_dim)
        return self.project(x), q_thw


class MultiscaleBlock(nn.Module):
    """Attention and MLP after norms, beside the (pooled, projected) input."""

    def __init__(
        self, input_size, cnf, residual_pool, residual_with_cls_embed, rel_pos_embed,
        proj_after_attn, dropout=0.0, stochastic_depth_prob=0.0, norm_layer=nn.LayerNorm,
    ):  # fmt: skip
        super().__init__()
        self.proj_after_attn = proj_after_attn
        self.pool_skip = None
        if math.prod(cnf.stride_q) > 1:
            kernel = [s + 1 if s > 1 else s for s in cnf.stride_q]
            padding = [k // 2 for k in kernel]
            self.pool_skip = Pool(nn.MaxPool3d(kernel, stride=cnf.stride_q, padding=padding), None)
        width = cnf.output_channels if proj_after_attn else cnf.input_channels
        self.norm1 = norm_layer(cnf.input_channels)
        self.norm2 = norm_layer(width)
        self.attn = MultiscaleAttention(
            input_size, cnf.input_channels, width, cnf.num_heads, kernel_q=cnf.kernel_q,
            kernel_kv=cnf.kernel_kv, stride_q=cnf.stride_q, stride_kv=cnf.stride_kv,
            rel_pos_embed=rel_pos_embed, residual_pool=residual_pool,
            residual_with_cls_embed=residual_with_cls_embed, dropout=dropout,
            norm_layer=norm_layer,
        )  # fmt: skip
        self.mlp = MLP(
            width,
            [4 * width, cnf.output_channels],
            activation_layer=nn.GELU,
            dropout=dropout,
            inplace=None,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.project = None
        if cnf.input_channels != cnf.output_channels:
            self.project = nn.Linear(cnf.input_channels, cnf.output_channels)

    def forward(self, x, thw):
        normed = self.norm1(x)
        attended, new_thw = self.attn(normed, thw)
        if self.project is not None and self.proj_after_attn:
            x = self.project(normed)
        if self.pool_skip is not None:
            x, _ = self.pool_skip(x, thw)
        x = x + self.stochastic_depth(attended)
        normed = self.norm2(x)
        if self.project is not None and not self.proj_after_attn:
            x = self.project(normed)
        return x + self.stochastic_depth(self.mlp(normed)), new_thw


class PositionalEncoding(nn.Module):
    """Puts the class token before the tokens, and adds places of space and time unless they are relative."""

    def __init__(self, embed_size, spatial_size, temporal_size, rel_pos_embed):
        super().__init__()
        self.spatial_size = spatial_size
        self.temporal_size = temporal_size
        self.class_token = nn.Parameter(zeros(embed_size))
        self.spatial_pos = self.temporal_pos = self.class_pos = None
        if not rel_pos_embed:
            self.spatial_pos = nn.Parameter(zeros(spatial_size[0] * spatial_size[1], embed_size))
            self.temporal_pos = nn.Parameter(zeros(temporal_size, embed_size))
            self.class_pos = nn.Parameter(zeros(embed_size))

    def forward(self, x):
        token = self.class_token.expand(x.shape[0], -1).unsqueeze(1)
        x = cat((token, x), dim=1)
        if self.spatial_pos is None:
            return x
        places = self.temporal_pos[:, None] + self.spatial_pos[None]
        return x + cat((self.class_pos[None], places.flatten(0, 1)), dim=0)


class MViT(nn.Module):
    """Videos (N, 3, temporal_size, *spatial_size) to scores (N, num_classes), by a list of MSBlockConfig."""

    def __init__(
        self, spatial_size, temporal_size, block_setting, residual_pool, residual_with_cls_embed,
        rel_pos_embed, proj_after_attn, dropout=0.5, attention_dropout=0.0,
        stochastic_depth_prob=0.0, num_classes=400, block=None, norm_layer=None,
        patch_embed_kernel=(3, 7, 7), patch_embed_stride=(2, 4, 4), patch_embed_padding=(1, 3, 3),
    ):  # fmt: skip
        super().__init__()
        if not block_setting:
            raise ValueError("MViT: block_setting is empty; it must have a block at least.")
        block = block or MultiscaleBlock
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        first = block_setting[0].input_channels
        self.conv_proj = nn.Conv3d(
            3, first, patch_embed_kernel, patch_embed_stride, patch_embed_padding
        )
        size = [
            s // stride for s, stride in zip((temporal_size, *spatial_size), patch_embed_stride)
        ]
        self.pos_encoding = PositionalEncoding(first, (size[1], size[2]), size[0], rel_pos_embed)
        self.blocks = nn.ModuleList()
        for i, cnf in enumerate(block_setting):
            self.blocks.append(
                block(
                    input_size=size,
                    cnf=cnf,
                    residual_pool=residual_pool,
                    residual_with_cls_embed=residual_with_cls_embed,
                    rel_pos_embed=rel_pos_embed,
                    proj_after_attn=proj_after_attn,
                    dropout=attention_dropout,
                    stochastic_depth_prob=stochastic_depth_prob
                    * i
                    / max(len(block_setting) - 1.0, 1.0),
                    norm_layer=norm_layer,
                )
            )
            if len(cnf.stride_q) > 0:
                size = [s // stride for s, stride in zip(size, cnf.stride_q)]
        width = block_setting[-1].output_channels
        self.norm = norm_layer(width)
        self.head = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(width, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, PositionalEncoding):
                for places in module.parameters():
                    nn.init.trunc_normal_(places, std=0.02)

    def forward(self, x):
        x = _with_dim(x, 5, 2)  # images are videos of one
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = self.pos_encoding(x)
        thw = (self.pos_encoding.temporal_size, *self.pos_encoding.spatial_size)
        for block in self.blocks:
            x, thw = block(x, thw)
        return self.head(self.norm(x)[:, 0])


_HALVED = (1, 3, 14)  # the blocks whose queries are pooled
_STRIDES_KV = [[1, 8, 8], [1, 4, 4], [1, 4, 4], *[[1, 2, 2]] * 11, [1, 1, 1], [1, 1, 1]]
_HEADS = [1, 2, 2, *[4] * 11, 8, 8]


def _setting(widths, pool_q_always):
    """Blocks from 17 widths, what goes into the first and what comes out of each."""
    blocks = []
    for i in range(16):
        halved = i in _HALVED
        pooled = halved or pool_q_always
        kernel = [3, 3, 3] if pooled else []
        stride = ([1, 2, 2] if halved else [1, 1, 1]) if pooled else []
        blocks.append(
            MSBlockConfig(
                _HEADS[i], widths[i], widths[i + 1], kernel, [3, 3, 3], stride, _STRIDES_KV[i]
            )
        )
    return blocks


def _mvit(widths, improved, **arguments):
    """v2 (improved) pools every query, adds it to the result, and has relative positions."""
    return MViT(
        arguments.pop("spatial_size", (224, 224)),
        arguments.pop("temporal_size", 16),
        _setting(widths, improved),
        arguments.pop("residual_pool", improved),
        arguments.pop("residual_with_cls_embed", False),
        arguments.pop("rel_pos_embed", improved),
        arguments.pop("proj_after_attn", improved),
        **arguments,
    )


mvit_v1_b = builder(
    "mvit_v1_b",
    "MViT_V1_B_Weights",
    _mvit,
    [96, 192, 192, *[384] * 11, 768, 768, 768],
    False,
    stochastic_depth_prob=0.2,
)
mvit_v2_s = builder(
    "mvit_v2_s",
    "MViT_V2_S_Weights",
    _mvit,
    [96, 96, 192, 192, *[384] * 11, 768, 768],
    True,
    stochastic_depth_prob=0.2,
)

__getattr__ = lazy_weights(__name__)
