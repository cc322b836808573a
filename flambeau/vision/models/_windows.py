"""Attention in shifted windows, in two and three dimensions, for Swin v1, v2 and 3D.

Source: Liu et al., "Swin Transformer", 2021, arXiv:2103.14030, sections 3.2 and 4; "Swin Transformer V2", 2022,
arXiv:2111.09883, eq. 2 to 4; "Video Swin Transformer", 2022, arXiv:2106.13230, section 3.2.
"""

import itertools
import math

from ... import arange, cat, log2, meshgrid, nn, roll, sign, stack, zeros
from ...fx import wrap
from ...nn import functional as F


def relative_position_index(window):
    """For each pair of places in a window, the row of their offset in a table: (prod(window),) * 2, flat."""
    places = stack(meshgrid(*(arange(w) for w in window), indexing="ij")).flatten(1)  # (dims, P)
    offsets = places[:, :, None] - places[:, None, :]
    index = 0
    for offset, w in zip(offsets, window):
        index = index * (2 * w - 1) + offset + w - 1
    return index


def relative_coordinates(window):
    """v2's table of offsets, on a logarithmic scale from -1 to 1: (1, 2 w - 1, ..., dims)."""
    steps = [arange(-(w - 1), w).float() / (w - 1) * 8 for w in window]
    table = stack(meshgrid(*steps, indexing="ij"), dim=-1)[None]
    return sign(table) * log2(table.abs() + 1.0) / 3.0


def _windows(x, window):
    """(B, *sizes, C) as (B * number of windows, prod(window), C)."""
    batch, *sizes, channels = x.shape
    dims = len(window)
    split = itertools.chain.from_iterable((s // w, w) for s, w in zip(sizes, window))
    x = x.view(batch, *split, channels)
    order = [0, *range(1, 2 * dims, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return x.permute(order).reshape(-1, math.prod(window), channels)


def _whole(x, window, batch, sizes):
    """The inverse of _windows."""
    dims = len(window)
    x = x.view(batch, *(s // w for s, w in zip(sizes, window)), *window, x.shape[-1])
    order = [
        0,
        *itertools.chain.from_iterable((1 + d, 1 + dims + d) for d in range(dims)),
        2 * dims + 1,
    ]
    return x.permute(order).reshape(batch, *sizes, x.shape[-1])


def _mask(sizes, window, shift, like):
    """-100 between places of one window that were not neighbours before the shift: (windows, P, P)."""
    region = zeros((1, *sizes, 1), dtype=like.dtype, device=like.device)
    for dim, (size, w, s) in enumerate(zip(sizes, window, shift), 1):
        if s:
            place = arange(size, device=like.device)
            own = (place >= size - w).to(like.dtype) + (place >= size - s)
            region = 3 * region + own.view([-1 if d == dim else 1 for d in range(region.ndim)])
    region = _windows(region, window).squeeze(-1)  # (windows, P)
    return (region[:, None, :] != region[:, :, None]).to(like.dtype) * -100.0


def shifted_window_attention(
    input, qkv_weight, proj_weight, relative_position_bias, window_size, num_heads, shift_size,
    attention_dropout=0.0, dropout=0.0, qkv_bias=None, proj_bias=None, logit_scale=None,
    training=True,
):  # fmt: skip
    """Self-attention within windows: (B, *sizes, C) to the same.

    Sizes are padded to multiples of window_size. shift_size moves the windows; where one window covers a size
    there is nothing to shift. With a logit_scale attention is of cosines, as in v2.
    """
    batch, *sizes, channels = input.shape
    missing = [-size % w for size, w in zip(sizes, window_size)]
    x = input
    if any(missing):
        x = F.pad(x, [0, 0, *itertools.chain.from_iterable((0, m) for m in reversed(missing))])
    padded = list(x.shape[1:-1])
    shift = [0 if w >= size else s for s, w, size in zip(shift_size, window_size, padded)]
    dims = list(range(1, 1 + len(window_size)))
    if any(shift):
        x = roll(x, shifts=[-s for s in shift], dims=dims)
    x = _windows(x, window_size)  # (B windows, P, C)

    if logit_scale is not None and qkv_bias is not None:  # v2's keys have no bias
        third = qkv_bias.numel() // 3
        qkv_bias = cat(
            [
                qkv_bias[:third],
                zeros(third, dtype=qkv_bias.dtype, device=x.device),
                qkv_bias[2 * third :],
            ]
        )
    qkv = F.linear(x, qkv_weight, qkv_bias)
    qkv = qkv.reshape(x.shape[0], x.shape[1], 3, num_heads, channels // num_heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B windows, heads, P, C / heads)
    if logit_scale is not None:
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        scores = scores * logit_scale.clamp(max=math.log(100.0)).exp()
    else:
        scores = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    scores = scores + relative_position_bias
    if any(shift):
        mask = _mask(padded, window_size, shift, x)
        scores = scores.view(-1, mask.shape[0], *scores.shape[1:]) + mask[None, :, None]
        scores = scores.view(-1, *scores.shape[2:])
    scores = F.dropout(F.softmax(scores, dim=-1), p=attention_dropout, training=training)
    x = (scores @ v).transpose(1, 2).reshape(x.shape)
    x = F.dropout(F.linear(x, proj_weight, proj_bias), p=dropout, training=training)

    x = _whole(x, window_size, batch, padded)
    if any(shift):
        x = roll(x, shifts=shift, dims=dims)
    if any(missing):
        x = x[(slice(None), *(slice(size) for size in sizes))]
    return x.contiguous() if any(missing) else x


wrap("shifted_window_attention")  # it branches on sizes, so fx does not enter it


class ShiftedWindowAttention(nn.Module):
    """shifted_window_attention with its weights and a table of relative positions."""

    def __init__(
        self, dim, window_size, shift_size, num_heads, qkv_bias=True, proj_bias=True,
        attention_dropout=0.0, dropout=0.0,
    ):  # fmt: skip
        super().__init__()
        if len(window_size) != len(shift_size):
            raise ValueError(
                f"{type(self).__name__}: window_size {window_size} and shift_size {shift_size} differ in length."
            )
        self.window_size, self.shift_size = window_size, shift_size
        self.num_heads = num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self):
        rows = math.prod(2 * w - 1 for w in self.window_size)
        self.relative_position_bias_table = nn.Parameter(zeros(rows, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self):
        self.register_buffer(
            "relative_position_index", relative_position_index(self.window_size).flatten()
        )

    def get_relative_position_bias(self):
        """(1, heads, P, P)."""
        places = math.prod(self.window_size)
        bias = self.relative_position_bias_table[self.relative_position_index]
        return bias.view(places, places, -1).permute(2, 0, 1).contiguous().unsqueeze(0)

    def _attend(self, x, bias, window, shift, logit_scale=None):
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            bias,
            window,
            self.num_heads,
            shift_size=shift,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            logit_scale=logit_scale,
            training=self.training,
        )

    def forward(self, x):
        return self._attend(x, self.get_relative_position_bias(), self.window_size, self.shift_size)
