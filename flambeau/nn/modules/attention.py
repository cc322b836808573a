"""MultiheadAttention."""

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import settle
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .utils import check_sizes


class MultiheadAttention(Module):
    """Attention in several heads: out_proj(concat of softmax(q k.T / sqrt(d)) v over the heads).

    Args:
        embed_dim (int): E, the size of query and output; each head has d = E / num_heads.
        num_heads (int): number of heads.
        dropout (float): of the attention weights.
        bias (bool): whether the projections have biases.
        add_bias_kv (bool): one more, learned, key and value.
        add_zero_attn (bool): one more key and value that are 0.
        kdim, vdim (int): sizes of key and value, E if None.
        batch_first (bool): (B, T, E) in the place of (T, B, E).

    Example:
        >>> x = torch.randn(5, 2, 8)
        >>> output, weights = nn.MultiheadAttention(8, 2)(x, x, x)
        >>> output.shape, weights.shape
        (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))

    Source: Vaswani et al., 2017, arXiv:1706.03762.
    """

    __constants__ = ["batch_first"]

    def __init__(
        self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False,
        kdim=None, vdim=None, batch_first=False, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        if (
            isinstance(embed_dim, int)
            and isinstance(num_heads, int)
            and min(embed_dim, num_heads) <= 0
        ):
            raise ValueError(
                f"MultiheadAttention: embed_dim is {embed_dim} and num_heads {num_heads}; both "
                "must be 1 or more."
            )
        check_sizes(self, embed_dim=embed_dim, num_heads=num_heads)
        made = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"MultiheadAttention: embed_dim {embed_dim} does not divide into {num_heads} heads."
            )
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(flambeau.empty((3 * embed_dim, embed_dim), **made))
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            for name, size in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
                weight = Parameter(flambeau.empty((embed_dim, size), **made))
                setattr(self, f"{name}_proj_weight", weight)
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = Parameter(flambeau.empty(3 * embed_dim, **made))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        if add_bias_kv:
            self.bias_k = Parameter(flambeau.empty((1, 1, embed_dim), **made))
            self.bias_v = Parameter(flambeau.empty((1, 1, embed_dim), **made))
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
        average_attn_weights=True, is_causal=False,
    ):  # fmt: skip
        """(output, attention weights or None).

        Args:
            query (Tensor): (T, B, E), (B, T, E) if batch_first, or (T, E).
            key, value (Tensor): likewise with S in the place of T, kdim and vdim in that of E.
            key_padding_mask (Tensor): (B, S), True (or added) where a key is to be ignored.
            attn_mask (Tensor): (T, S) or (B * heads, T, S), True (or added) where a query must not look.
            average_attn_weights (bool): whether the weights are averaged over the heads.
        """
        if query.is_nested or key.is_nested or value.is_nested:
            raise AssertionError(
                "MultiheadAttention: takes no nested tensors. Pad them (nested.to_padded_tensor) and give "
                "key_padding_mask, or use scaled_dot_product_attention, which takes them."
            )
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = (tensor.transpose(0, 1) for tensor in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(0, 1) if swap else out), weights


settle("activation", MultiheadAttention)
