"""ViT: an image as a sequence of patches.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, arXiv:2010.11929, section 3.1 and table 1.
"""

import math
from collections import OrderedDict
from functools import partial
from typing import NamedTuple

from ... import _assert, cat, empty, nn, zeros
from ..ops.misc import MLP, Conv2dNormActivation
from ._api import lazy_weights
from ._builder import builder, fix

__all__ = [
    "VisionTransformer", "interpolate_embeddings", "vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16",
    "vit_l_32",
]  # fmt: skip


_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of a stem in the place of the patches' one."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: object = nn.BatchNorm2d
    activation_layer: object = nn.ReLU


class MLPBlock(MLP):
    """The two linear layers of an encoder block."""

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for module in self:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)


def _check_tokens(name, input):
    _assert(
        input.ndim == 3,
        f"{name}: input has {input.ndim} dims; it must be (N, seq_length, hidden_dim).",
    )


class EncoderBlock(nn.Module):
    """Attention and MLP, each after a norm and beside the identity: (N, T, hidden_dim)."""

    def __init__(
        self, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer=_NORM
    ):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        _check_tokens("EncoderBlock", input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions are added, then blocks, then a norm."""

    def __init__(
        self, seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout,
        norm_layer=_NORM,
    ):  # fmt: skip
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict(
                (
                    f"encoder_layer_{i}",
                    EncoderBlock(
                        num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
                    ),
                )
                for i in range(num_layers)
            )
        )
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        _check_tokens("Encoder", input)
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Images (N, 3, image_size, image_size) to scores (N, num_classes).

    representation_size: a tanh layer of this width before the scores. conv_stem_configs: a stem of several
    convolutions in the place of one patch_size wide.
    """

    def __init__(
        self, image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, dropout=0.0,
        attention_dropout=0.0, num_classes=1000, representation_size=None, norm_layer=_NORM,
        conv_stem_configs=None,
    ):  # fmt: skip
        super().__init__()
        if image_size % patch_size != 0:
            raise AssertionError(
                f"VisionTransformer: image_size is {image_size}; it must be a multiple of patch_size, {patch_size}."
            )
        self.image_size, self.patch_size = image_size, patch_size
        self.hidden_dim, self.mlp_dim = hidden_dim, mlp_dim
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = self._stem(conv_stem_configs)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        heads = OrderedDict()
        if representation_size is not None:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
        heads["head"] = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads = nn.Sequential(heads)
        self._initialise()

    def _stem(self, configs):
        if configs is None:
            return nn.Conv2d(3, self.hidden_dim, self.patch_size, self.patch_size)
        stem, width = nn.Sequential(), 3
        for i, cnf in enumerate(configs):
            layer = Conv2dNormActivation(
                width, cnf.out_channels, kernel_size=cnf.kernel_size, stride=cnf.stride,
                norm_layer=cnf.norm_layer, activation_layer=cnf.activation_layer,
            )  # fmt: skip
            stem.add_module(f"conv_bn_relu_{i}", layer)
            width = cnf.out_channels
        stem.add_module("conv_last", nn.Conv2d(width, self.hidden_dim, 1))
        return stem

    def _initialise(self):
        stem = self.conv_proj
        if isinstance(stem, nn.Conv2d):
            fan_in = stem.in_channels * stem.kernel_size[0] * stem.kernel_size[1]
            nn.init.trunc_normal_(stem.weight, std=math.sqrt(1 / fan_in))
            nn.init.zeros_(stem.bias)
        else:
            nn.init.normal_(stem.conv_last.weight, std=math.sqrt(2.0 / stem.conv_last.out_channels))
            nn.init.zeros_(stem.conv_last.bias)
        if hasattr(self.heads, "pre_logits"):
            layer = self.heads.pre_logits
            nn.init.trunc_normal_(layer.weight, std=math.sqrt(1 / layer.in_features))
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        n, _, h, w = x.shape
        fits = f"VisionTransformer: images are {h} x {w}; this model takes {self.image_size} x {self.image_size}."
        _assert(h == self.image_size, fits)
        _assert(w == self.image_size, fits)
        x = self.conv_proj(x)  # (N, hidden_dim, rows, columns)
        return x.flatten(2).permute(0, 2, 1)

    def forward(self, x):
        x = self._process_input(x)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = self.encoder(cat([token, x], dim=1))
        return self.heads(x[:, 0])


def interpolate_embeddings(
    image_size, patch_size, model_state, interpolation_mode="bicubic", reset_heads=False
):
    """A state_dict for images of another size: the positions of the patches are resized.

    model_state: the state_dict of a VisionTransformer, changed in place. reset_heads: leave the heads out.
    ValueError: its positions are not (1, T, hidden_dim) with T - 1 a square.
    """
    positions = model_state["encoder.pos_embedding"]
    n, length, width = positions.shape
    if n != 1:
        raise ValueError(
            f"interpolate_embeddings: the positions are {tuple(positions.shape)}; their first size must be 1."
        )
    wanted = (image_size // patch_size) ** 2 + 1
    if wanted != length:
        old, new = math.isqrt(length - 1), math.isqrt(wanted - 1)
        if old * old != length - 1:
            raise ValueError(
                f"interpolate_embeddings: {length - 1} patches are not a square of them."
            )
        token, grid = positions[:, :1], positions[:, 1:].permute(0, 2, 1)
        grid = nn.functional.interpolate(
            grid.reshape(1, width, old, old), size=new, mode=interpolation_mode, align_corners=True
        )
        grid = grid.reshape(1, width, new * new).permute(0, 2, 1)
        model_state["encoder.pos_embedding"] = cat([token, grid], dim=1)
        if reset_heads:
            for key in [key for key in model_state if key.startswith("heads")]:
                del model_state[key]
    return model_state


def _prepare(weights, arguments):
    if weights is not None:
        fix("vit", arguments, "image_size", weights.meta["min_size"][0])


def _vit(*sizes, **arguments):
    return VisionTransformer(arguments.pop("image_size", 224), *sizes, **arguments)


# patch size, layers, heads, width, width of the MLP
_TABLE = {
    "B_16": (16, 12, 12, 768, 3072),
    "B_32": (32, 12, 12, 768, 3072),
    "L_16": (16, 24, 16, 1024, 4096),
    "L_32": (32, 24, 16, 1024, 4096),
    "H_14": (14, 32, 16, 1280, 5120),
}

vit_b_16, vit_b_32, vit_l_16, vit_l_32, vit_h_14 = (
    builder(f"vit_{size.lower()}", f"ViT_{size}_Weights", _vit, *row, prepare=_prepare)
    for size, row in _TABLE.items()
)

__getattr__ = lazy_weights(__name__)
