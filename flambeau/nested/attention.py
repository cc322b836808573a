"""Attention of sequences of unequal lengths."""

import flambeau

from .operators import handles, to_padded_tensor
from .tensor import NestedTensor, like

__all__ = []


def _visible(nested, longest):
    """(B, longest): where a padded sequence has elements."""
    return flambeau.arange(longest, device=nested._offsets.device) < nested._offsets.diff()[:, None]


@handles("scaled_dot_product_attention")
def _(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """Each sequence by itself: (B, heads, j, E), the ragged dim transposed to the third place."""
    given = (query, key, value)
    if not all(isinstance(t, NestedTensor) and t.dim() == 4 and t._ragged == 2 for t in given):
        raise NotImplementedError(
            "scaled_dot_product_attention: query, key and value must all be nested, (B, heads, j, E): unflatten the "
            "last dim, and transpose(1, 2)."
        )
    if attn_mask is not None:
        raise NotImplementedError("scaled_dot_product_attention: attn_mask with nested tensors.")
    q, k, v = (to_padded_tensor(t, 0.0) for t in given)
    mask = _visible(key, k.size(2))[:, None, None, :]
    if is_causal:
        mask = (
            mask & flambeau.ones(q.size(2), k.size(2), dtype=flambeau.bool, device=q.device).tril()
        )
    out = flambeau.nn.functional.scaled_dot_product_attention(
        q, k, v, mask, dropout_p, False, scale, enable_gqa
    )
    rows = out.transpose(1, 2)[_visible(query, q.size(2))]  # (elements, heads, E)
    return like(rows.transpose(0, 1), query)
