"""The transformer: encoder, decoder and their layers.

Source: Vaswani et al., 2017, arXiv:1706.03762.
"""

import copy
import math

import flambeau

from .. import functional as F
from .. import init
from .attention import MultiheadAttention
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .module_list import ModuleList
from .normalization import LayerNorm


def _activation(activation):
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(
            f"Transformer: activation is {activation!r}; it must be 'relu', 'gelu' or a function."
        )
    return getattr(F, activation)


_get_activation_fn = _activation  # the name that libraries import


def _copies(module, n):
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


_get_clones = _copies  # PyTorch's name


def generate_square_subsequent_mask(sz, device=None, dtype=None):
    """(sz, sz): 0 on and below the diagonal, -inf above, so that no time sees a later one."""
    mask = flambeau.full((sz, sz), -math.inf, dtype=dtype, device=device)
    return mask.triu(diagonal=1)


_generate_square_subsequent_mask = generate_square_subsequent_mask  # PyTorch's name


def _is_causal(mask, given, size):
    """Whether the mask is the one that hides the future; computed unless the caller knows."""
    if given is not None:
        return given
    if mask is None:
        return False
    causal = (
        generate_square_subsequent_mask(size, mask.device, mask.dtype)
        if mask.is_floating_point()
        else None
    )
    if causal is None or mask.size() != causal.size():
        return False
    return bool((mask == causal).all())


def _detect_is_causal_mask(mask, is_causal=None, size=None):
    """_is_causal, by PyTorch's name; without a size that of the mask."""
    return _is_causal(
        mask, is_causal, mask.shape[-2] if size is None and mask is not None else size
    )


def _get_seq_len(src, batch_first):
    """The length of the sequences: (L, E), (L, N, E), or (N, L, E) with batch_first."""
    return src.shape[1 if batch_first and src.dim() == 3 else 0]


class _Layer(Module):
    """What encoder and decoder layers share: attention, feed-forward, norms and residuals."""

    __constants__ = ["norm_first"]
    # The attributes that hold them; each has a norm, and so has the network.
    _attentions = ("self_attn",)

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu",
        layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, device=None,
        dtype=None,
    ):  # fmt: skip
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in self._attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **made
            )
            setattr(self, name, attention)
        self._feed_forward(d_model, dim_feedforward, dropout, activation, bias, made)
        self.norm_first = norm_first
        self._norms(len(self._attentions) + 1, d_model, layer_norm_eps, bias, dropout, made)

    def _feed_forward(self, d_model, dim_feedforward, dropout, activation, bias, made):
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.activation = _activation(activation)

    def _norms(self, n, d_model, eps, bias, dropout, made):
        for i in range(1, n + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=eps, bias=bias, **made))
        for i in range(1, n + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))

    def _ff_block(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _residual(self, i, x, block):
        """x + dropout_i(block(x)), with norm_i before the block or after the sum."""
        norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    @staticmethod
    def _attend(attention, x, source, mask, padding_mask, is_causal):
        """What x takes from `source` by an attention module."""
        return attention(
            x,
            source,
            source,
            attn_mask=mask,
            key_padding_mask=padding_mask,
            is_causal=is_causal,
            need_weights=False,
        )[0]

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("activation", F.relu)


class TransformerEncoderLayer(_Layer):
    """Self attention and a feed-forward network, each with a residual and a norm.

    Args:
        d_model (int): the last size of all tensors.
        nhead (int): attention heads, a divisor of d_model.
        dim_feedforward (int): width of the feed-forward network.
        dropout (float): probability of a 0, in training.
        activation (str or callable): "relu", "gelu" or a function.
        layer_norm_eps (float): of the norms.
        batch_first (bool): (B, T, d_model) in place of (T, B, d_model).
        norm_first (bool): norms before attention and network, not after the residual.
        bias (bool): whether linear maps and norms have one.
        device, dtype: of the parameters.

    Example:
        >>> layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        >>> layer(torch.randn(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """The layer's output for `src` (T, B, E), (B, T, E) if batch_first, or (T, E)."""

        def attend(x):
            padding = _added(src_key_padding_mask, src)
            return self._attend(self.self_attn, x, x, src_mask, padding, is_causal)

        return self._residual(2, self._residual(1, src, attend), self._ff_block)


def _added(mask, like):
    """A bool padding mask as numbers to add, as attention with another float mask needs it."""
    if mask is None or mask.dtype != flambeau.bool:
        return mask
    return flambeau.zeros(mask.shape, dtype=like.dtype, device=mask.device).masked_fill_(
        mask, -math.inf
    )


def _length_for(layers, x):
    """The length of the sequences that layers see in x."""
    batch_first = layers[0].self_attn.batch_first if len(layers) else False
    return x.size(1 if batch_first and x.dim() == 3 else 0)


class _Stack(Module):
    """Copies of a layer, one after the other, and a norm of the last one's output."""

    __constants__ = ["norm"]

    def __init__(self, layer, num_layers, norm):
        super().__init__()
        self.layers = _copies(layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def _through(self, output, *others, **options):
        for layer in self.layers:
            output = layer(output, *others, **options)
        return output if self.norm is None else self.norm(output)


class TransformerEncoder(_Stack):
    """num_layers copies of an encoder layer, and a norm.

    Args:
        encoder_layer (Module): copied num_layers times.
        num_layers (int): how many.
        norm (Module, optional): of the result.
        enable_nested_tensor, mask_check (bool): accepted, and without effect.

    Example:
        >>> layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        >>> nn.TransformerEncoder(layer, 2)(torch.randn(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True
    ):
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = False
        self.mask_check = mask_check

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        """The last layer's output for `src`."""
        causal = _is_causal(mask, is_causal, _length_for(self.layers, src))
        return self._through(
            src, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask
        )


class TransformerDecoderLayer(_Layer):
    """Self attention, attention to the encoder's output, and a feed-forward network.

    Args:
        all: as of TransformerEncoderLayer.

    Example:
        >>> layer = nn.TransformerDecoderLayer(16, 4, 32)
        >>> layer(torch.randn(3, 2, 16), torch.randn(5, 2, 16)).shape
        torch.Size([3, 2, 16])
    """

    _attentions = "self_attn", "multihead_attn"

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
        memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False,
    ):  # fmt: skip
        """The layer's output for `tgt`, which attends to `memory`."""

        def attend_self(x):
            padding = tgt_key_padding_mask
            return self._attend(self.self_attn, x, x, tgt_mask, padding, tgt_is_causal)

        def attend_memory(x):
            padding = memory_key_padding_mask
            attention = self.multihead_attn
            return self._attend(attention, x, memory, memory_mask, padding, memory_is_causal)

        x = self._residual(1, tgt, attend_self)
        x = self._residual(2, x, attend_memory)
        return self._residual(3, x, self._ff_block)


class TransformerDecoder(_Stack):
    """num_layers copies of a decoder layer, and a norm.

    Args:
        decoder_layer, num_layers, norm: as of TransformerEncoder.

    Example:
        >>> layer = nn.TransformerDecoderLayer(16, 4, 32)
        >>> nn.TransformerDecoder(layer, 2)(torch.randn(3, 2, 16), torch.randn(5, 2, 16)).shape
        torch.Size([3, 2, 16])
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
        memory_key_padding_mask=None, tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        """The last layer's output for `tgt`, which attends to `memory`."""
        causal = _is_causal(tgt_mask, tgt_is_causal, _length_for(self.layers, tgt))
        return self._through(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip


class Transformer(Module):
    """An encoder and a decoder.

    Args:
        num_encoder_layers, num_decoder_layers (int): how many.
        custom_encoder, custom_decoder (Module, optional): in place of the usual ones.
        all others: as of TransformerEncoderLayer.

    Example:
        >>> model = nn.Transformer(16, 4, 1, 1, 32)
        >>> model(torch.randn(5, 2, 16), torch.randn(3, 2, 16)).shape
        torch.Size([3, 2, 16])
    """

    def __init__(
        self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6,
        dim_feedforward=2048, dropout=0.1, activation="relu", custom_encoder=None,
        custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True,
        device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        made = {"device": device, "dtype": dtype}
        arguments = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias,
        )  # fmt: skip

        def norm():
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*arguments, **made), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*arguments, **made), num_decoder_layers, norm()
        )
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    generate_square_subsequent_mask = staticmethod(generate_square_subsequent_mask)

    def forward(
        self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
        tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None,
        tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        """The decoder's output for `tgt`, which attends to the encoder's output for `src`."""
        if src.dim() == 3:
            batch = 0 if self.batch_first else 1
            if src.size(batch) != tgt.size(batch):
                raise RuntimeError(
                    f"Transformer: src {tuple(src.shape)} and tgt {tuple(tgt.shape)} must have "
                    "equal batches."
                )
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                f"Transformer: src {tuple(src.shape)} and tgt {tuple(tgt.shape)} must have "
                f"d_model={self.d_model} features."
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
