"""Attention."""

import math

import flambeau

from ... import _core
from ...ops.attention import attend, attention_weights, way_backward
from ...ops.core.attach import attached
from ...ops.core.autocast import lower_precision
from ...ops.core.ways import native_way
from ...ops.random import dropout_of, next_draw
from .activation import softmax
from .affine import linear
from .drop import dropout


@lower_precision
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
    enable_gqa=False,
):  # fmt: skip
    """softmax(query @ key.mT * scale + mask) @ value.

    Args:
        query (Tensor): (*B, T, E). key: (*B, S, E). value: (*B, S, V).
        attn_mask (Tensor, optional): bool, True where attention may go; or numbers to add to the
            scores; broadcast to (*B, T, S).
        is_causal (bool): row t sees columns up to t only; not together with attn_mask.
        scale (float): 1 / sqrt(E) if None.
        enable_gqa (bool): key and value may have fewer heads, in dimension -3.

    Source: Vaswani et al., 2017, arXiv:1706.03762.
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "scaled_dot_product_attention: give attn_mask or is_causal=True, not both."
        )
    if query.dim() < 2 or key.dim() < 2 or value.dim() < 2:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {tuple(query.shape)}, key {tuple(key.shape)} and "
            f"value {tuple(value.shape)} must have 2 dims or more, (..., T, features)."
        )
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            f"scaled_dot_product_attention: query is {query.dtype}, key {key.dtype} and value "
            f"{value.dtype}. Convert them to one dtype with .to()."
        )
    if query.size(-1) != key.size(-1) or key.size(-2) != value.size(-2):
        raise RuntimeError(
            f"scaled_dot_product_attention: query {tuple(query.shape)}, key {tuple(key.shape)} and "
            f"value {tuple(value.shape)} must be (..., T, E), (..., S, E) and (..., S, F)."
        )
    if attn_mask is not None and not (
        attn_mask.dtype == flambeau.bool or attn_mask.is_floating_point()
    ):
        raise RuntimeError(
            f"scaled_dot_product_attention: attn_mask is {attn_mask.dtype}; it must be bool, True where a key "
            "is seen, or floating, added to the scores. Convert it with .bool()."
        )
    if enable_gqa and not (key.size(-3) and value.size(-3)):
        raise RuntimeError(
            f"scaled_dot_product_attention: key {tuple(key.shape)} and value {tuple(value.shape)} have no heads "
            "to share."
        )
    if enable_gqa and key.size(-3) == value.size(-3) and query.size(-3) % key.size(-3) == 0:
        return _in_groups(query, key, value, attn_mask, dropout_p, is_causal, scale)
    dtype, width = query.dtype, query.size(-1)
    # Without features every score is the empty sum 0, whatever the factor.
    factor = scale if scale is not None else 1.0 / math.sqrt(width) if width else 1.0
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    shape = (*query.shape[:-1], value.size(-1))
    if not value.numel() and shape[:-2] != value.shape[:-2]:
        # As in PyTorch of the query's shape, which is not always that of the heads together.
        return attached(query.new_zeros(shape), query, key, value)
    drops = _Dropout(dropout_p, query)
    result = drops.attend(query, key, value, attn_mask, is_causal, factor)
    if result is not None:
        return result
    if dtype in (flambeau.float16, flambeau.bfloat16):
        # Scores of 60, rounded to 8 bits, would be off by a quarter, and their exponentials by a third.
        query, key, value = query.float(), key.float(), value.float()
        if attn_mask is not None and attn_mask.dtype == dtype:
            attn_mask = attn_mask.float()
        result = drops.attend(query, key, value, attn_mask, is_causal, factor)
        if result is not None:
            return result.to(dtype)
    weights = attention_weights(query, key, attn_mask, is_causal, factor)
    return (drops(weights) @ value).to(dtype)


scaled_dot_product_attention = native_way(scaled_dot_product_attention, "attention", way_backward)


def _in_groups(query, key, value, mask, p, causal, scale):
    """Attention whose heads share those of keys and values, as many beside each other, without copies of them."""
    groups, T = key.size(-3), query.size(-2)
    query = query.unflatten(-3, (groups, query.size(-3) // groups))
    one_mask = mask is None or (T == 1 and (mask.dim() < 3 or mask.size(-3) == 1))
    if one_mask and not causal:  # a group's queries are rows of one head
        rows = query.flatten(-3, -2)
        result = scaled_dot_product_attention(rows, key, value, mask, p, False, scale)
        return result.unflatten(-2, query.shape[-3:-1]).flatten(-4, -3)
    each = (*[-1] * (key.dim() - 2), query.size(-3), -1, -1)
    key, value = key.unsqueeze(-3).expand(each), value.unsqueeze(-3).expand(each)
    if mask is not None and mask.dim() > 2:
        shared = mask.size(-3) == 1
        mask = mask.unsqueeze(-3) if shared else mask.unflatten(-3, query.shape[-4:-2])
    result = scaled_dot_product_attention(query, key, value, mask, p, causal, scale)
    return result.flatten(-4, -3)


class _Dropout:
    """Dropout of weights, with the same numbers whether their matrix is held or not."""

    def __init__(self, p, query):
        if p > 1:
            raise RuntimeError(
                f"scaled_dot_product_attention: dropout_p is {p}; a probability is from 0 to 1."
            )
        self.p = p
        self.by_draw = 0 < p < 1
        self.draw = next_draw(query) if self.by_draw else (0, 0)

    def attend(self, *problem):
        """What `ops.attention.attend` gives, or None."""
        return attend(*problem, self.p, self.draw) if self.by_draw or self.p == 0 else None

    def __call__(self, weights):
        if self.by_draw:
            return dropout_of(weights, self.p, self.draw)
        return dropout(weights, self.p, True) if self.p > 0 else weights


def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
    add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None,
    need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None,
    k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True,
    is_causal=False,
):  # fmt: skip
    """Attention in several heads between projections; see nn.MultiheadAttention.

    Shape: query (T, B, E) or (T, E), key and value (S, B, *) or (S, *).
    Returns (output, weights averaged over heads or not, or None).
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (t.unsqueeze(1) for t in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    T, B, E = query.shape
    S = key.size(0)
    head_dim = _checked_head_dim(E, embed_dim_to_check, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "multi_head_attention: is_causal=True is a hint about attn_mask and sets none. Give "
            "attn_mask too."
        )
    if (
        key_padding_mask is not None
        and attn_mask is not None
        and key_padding_mask.dtype != attn_mask.dtype
    ):
        _core._warn(
            f"multi_head_attention: key_padding_mask is {key_padding_mask.dtype} and attn_mask {attn_mask.dtype}, "
            "which is deprecated. Give both one dtype, bool for example."
        )
    key_padding_mask = _additive(key_padding_mask, query.dtype)
    attn_mask = _checked_mask(_additive(attn_mask, query.dtype), B * num_heads, T, S)

    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = separate if use_separate_proj_weight else in_proj_weight.chunk(3)
    q, k, v = _projected((query, key, value), weights, in_proj_bias)
    if bias_k is not None:
        k = flambeau.cat([k, bias_k.expand(1, B, E)])
        v = flambeau.cat([v, bias_v.expand(1, B, E)])
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)

    def heads(x):  # (L, B, E) to (B * heads, L, head_dim)
        return x.reshape(x.size(0), B * num_heads, head_dim).transpose(0, 1)

    q = heads(q)
    k = heads(k) if static_k is None else static_k
    v = heads(v) if static_v is None else static_v
    if add_zero_attn:
        none = k.new_zeros((B * num_heads, 1, head_dim))
        k, v = flambeau.cat([k, none], 1), flambeau.cat([v, none], 1)
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)
    S = k.size(1)

    attn_mask = _with_padding(attn_mask, key_padding_mask, B, num_heads, S)
    p = dropout_p if training else 0.0
    out, attention = _of_heads(q, k, v, attn_mask, p, need_weights)
    out = out.transpose(0, 1).reshape(T * B, E)
    out = linear(out, out_proj_weight, out_proj_bias).reshape(T, B, out_proj_weight.size(0))
    if not batched:
        out = out.squeeze(1)
    if not need_weights:
        return out, None
    attention = attention.reshape(B, num_heads, T, S)
    if average_attn_weights:
        attention = attention.mean(1)
    return out, attention if batched else attention.squeeze(0)


def _checked_head_dim(features, embed_dim, num_heads):
    """The features of a head."""
    if embed_dim != features:
        raise AssertionError(
            f"multi_head_attention: query has {features} features; embed_dim is {embed_dim}. The "
            "last size of query must be embed_dim."
        )
    if features % num_heads:
        raise AssertionError(
            f"multi_head_attention: embed_dim {features} does not divide into {num_heads} heads."
        )
    return features // num_heads


def _projected(tensors, weights, bias):
    """Query, key and value, each by its weight and its third of the bias."""
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return (
        linear(x, w, b if b is None else b.to(w.dtype))
        for x, w, b in zip(tensors, weights, biases, strict=True)
    )


def _checked_mask(mask, matrices, T, S):
    """attn_mask as (1, T, S) or (matrices, T, S), one matrix for each head of each batch element."""
    if mask is None:
        return None
    if mask.dim() == 2:
        if mask.shape != (T, S):
            raise RuntimeError(
                f"multi_head_attention: attn_mask {tuple(mask.shape)} must be {(T, S)}, "
                "one value for each pair of a target and a source."
            )
        return mask.unsqueeze(0)
    if mask.shape != (matrices, T, S):
        raise RuntimeError(
            f"multi_head_attention: attn_mask {tuple(mask.shape)} must be "
            f"{(matrices, T, S)}, one matrix for each head of each batch element."
        )
    return mask


def _with_padding(mask, key_padding_mask, B, num_heads, S):
    """attn_mask and key_padding_mask as one, (B * num_heads, 1 or T, S)."""
    if key_padding_mask is None:
        return mask
    if key_padding_mask.shape != (B, S):
        raise AssertionError(
            f"multi_head_attention: key_padding_mask {tuple(key_padding_mask.shape)} must be "
            f"{(B, S)}, one value for each key."
        )
    padding = key_padding_mask.reshape(B, 1, 1, S).expand(-1, num_heads, -1, -1)
    padding = padding.reshape(B * num_heads, 1, S)
    return padding if mask is None else mask + padding


def _of_heads(q, k, v, mask, p, need_weights):
    """(what the heads give, their weights or None), q, k and v (B * heads, L, head_dim)."""
    scale = 1.0 / math.sqrt(max(q.size(-1), 1))
    if not need_weights and p == 0:
        return scaled_dot_product_attention(q, k, v, mask), None
    drops = _Dropout(p, q)
    if not need_weights:
        out = drops.attend(q, k, v, mask, False, scale)
        if out is not None:
            return out, None
    if need_weights:
        scores = (q * scale) @ k.transpose(-2, -1)  # (B * heads, T, S)
        attention = softmax(scores if mask is None else scores + mask, -1)
    else:
        attention = attention_weights(q, k, mask, False, scale)
    attention = drops(attention)
    return attention @ v, attention


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether there is a batch dimension."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"multi_head_attention: query {tuple(query.shape)} must have 3 dims, or 2 without a "
            "batch."
        )
    batched = query.dim() == 3
    kind = "a batched" if batched else "an unbatched"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"multi_head_attention: with {kind} query of {query.dim()} dims, key and value need as "
            f"many, but they have {key.dim()} and {value.dim()}."
        )
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        raise AssertionError(
            f"multi_head_attention: with {kind} query, key_padding_mask needs {query.dim() - 1} "
            f"dims, but it has {key_padding_mask.dim()}."
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"multi_head_attention: attn_mask has {attn_mask.dim()} dims; it takes 2, or 3 with "
            "one matrix for each head."
        )
    if not batched and attn_mask is not None and attn_mask.dim() == 3:
        wanted = (num_heads, query.size(0), key.size(0))
        if tuple(attn_mask.shape) != wanted:
            raise AssertionError(
                f"multi_head_attention_forward: for an unbatched query a 3-D attn_mask has one matrix "
                f"a head, {wanted}, but got {tuple(attn_mask.shape)}."
            )
    if key.shape[:-1] != value.shape[:-1]:
        raise AssertionError(
            f"multi_head_attention: key {tuple(key.shape)} and value {tuple(value.shape)} must "
            "agree in all dims but the last."
        )
    return batched


def _additive(mask, dtype):
    """A bool mask, True where attention may not go, as numbers to add to the scores."""
    if mask is None or mask.dtype != flambeau.bool:
        if mask is not None and not mask.is_floating_point():
            raise AssertionError(
                f"multi_head_attention: a mask is {mask.dtype}; it must be bool or floating."
            )
        return mask
    return flambeau.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(mask, -math.inf)


def _widened(mask):
    """The mask with one more column that may always be seen."""
    return None if mask is None else flambeau.nn.functional.pad(mask, (0, 1))
