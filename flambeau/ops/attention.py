"""Scaled dot product attention, with and without its matrix of weights."""

import math

from .. import _core
from .core import operators as fl
from .core.arguments import common_shape
from .core.declare import primitive
from .random import dropout_of


def attention_weights(query, key, mask, causal, scale):
    """softmax(scale * query @ key.mT + mask): (*B, T, S). A row that the mask leaves nothing gives 0."""
    scores = (query * scale) @ key.transpose(-2, -1)
    if causal:
        rows, columns = query.size(-2), key.size(-2)
        visible = fl.ones((rows, columns), dtype=fl.bool, device=query.device).tril()
        scores = scores.masked_fill(~visible, -math.inf)
    elif mask is not None:
        if mask.dtype == fl.bool:
            scores = scores.masked_fill(~mask, -math.inf)
        else:
            scores = scores + mask
    if mask is None:
        return fl.softmax(scores, -1)
    # Before softmax, which of nothing but -inf makes NaN: 0 times that is no gradient of 0.
    blind = (scores == -math.inf).all(-1, keepdim=True)
    return fl.softmax(scores.masked_fill(blind, 0.0), -1).masked_fill(blind, 0.0)


class _NotFinite(Exception):
    """A score is NaN or infinite."""


@primitive(name="scaled_dot_product_attention", method=False, function=False)
def _attend(ctx, query, key, value, mask, causal, scale, p, seed, call):
    parts = _core._attend(query, key, value, mask, causal, scale, p, seed, call)
    if parts is None:
        raise _NotFinite
    result, norms = parts
    ctx.causal, ctx.scale, ctx.dropout = causal, scale, (p, seed, call)
    ctx.save_for_backward(query, key, value, mask, result, norms)
    return result


@_attend.derivative
def _(ctx, grad_output):
    query, key, value, mask, result, norms = ctx.saved
    problem = query, key, value, mask, ctx.causal, ctx.scale, *ctx.dropout
    if not fl.is_grad_enabled():
        gradients = _core._attend_backward(*problem, result, norms, grad_output)
        return *gradients, *[None] * 6
    causal, scale, dropout = ctx.causal, ctx.scale, ctx.dropout
    return *_gradients(grad_output, query, key, value, mask, causal, scale, dropout), *[None] * 6


def _gradients(grad_output, query, key, value, mask, causal, scale, dropout=(0.0, 0, 0)):
    """Those of query, key and value in operators that have derivatives."""
    dtype = query.dtype
    if dtype == fl.bfloat16:
        # Scores, weights and slopes are float32 there too.
        query, key, value, grad_output = (x.float() for x in (query, key, value, grad_output))
        mask = mask.float() if mask is not None and mask.dtype == dtype else mask
    weights = attention_weights(query, key, mask, causal, scale)
    p, *draw = dropout
    dropped = lambda x: dropout_of(x, p, draw) if p else x
    slopes = dropped(grad_output @ value.transpose(-2, -1))
    slopes = weights * (slopes - (slopes * weights).sum(-1, keepdim=True)) * scale
    grad_query, grad_key = slopes @ key, slopes.transpose(-2, -1) @ query
    grad_value = dropped(weights).transpose(-2, -1) @ grad_output
    return tuple(x.to(dtype) for x in (grad_query, grad_key, grad_value))


def way_backward(grad_output, query, key, value, result, norms, options, wanted):
    """What the native way's node computes where its own loops do not."""
    return _gradients(grad_output, query, key, value, None, *options)


_DTYPES_ON_GPU = (_core.float32, _core.float64, _core.float16, _core.bfloat16)
_DTYPES = (*_DTYPES_ON_GPU[:2], *[_core.bfloat16] * _core._attends_bfloat16())


def _spreads_over(sizes, batch):
    """Whether expand() makes `batch` of sizes."""
    behind = zip(reversed(sizes), reversed(batch))
    return len(sizes) <= len(batch) and all(size in (1, wanted) for size, wanted in behind)


def attend(query, key, value, mask, causal, scale, p=0.0, draw=(0, 0)):
    """dropout(softmax(scale * query @ key.mT + mask)) @ value, in memory linear in the numbers of queries and of keys.

    Shape: query (*B, T, E), key (*B, S, E), value (*B, S, V), mask (*B, T, S), broadcast. p < 1; `draw`
    is what next_draw() gives. None where this way does not lead: other devices and dtypes (bfloat16: where the
    machine multiplies its pairs; dropout: on the CPU, not of float64), no elements, a mask with a gradient, scores that are not finite, and while a mode wants
    to see the operators that attention is made of.
    """
    if p and (query.dtype is _core.float64 or not query.is_cpu or _core._in_vmap()):
        return None
    if query.dtype not in (_DTYPES if query.is_cpu else _DTYPES_ON_GPU):
        return None
    if not (query.is_cpu or query.is_cuda) or _core._is_overridden():
        return None
    if not (query.numel() and key.numel() and value.numel()):
        return None
    if query.is_cuda:
        from .cuda.attention import fits

        if not fits(query, value):
            return None
    if mask is not None and (mask.requires_grad or mask.dtype not in (fl.bool, query.dtype)):
        return None
    batches = [query.shape[:-2], key.shape[:-2], value.shape[:-2]]
    if mask is not None and not _spreads_over(mask.shape[:-2], batches[0]):
        batches.append(mask.shape[:-2])
    if any(batch != batches[0] for batch in batches):
        batch = common_shape("scaled_dot_product_attention", *batches, what="batch")
        query, key, value = (x.expand(*batch, *x.shape[-2:]) for x in (query, key, value))
    if mask is not None:
        mask = mask.expand(*query.shape[:-1], key.size(-2))
    try:
        return _attend(query, key, value, mask, causal, scale, p, *draw)
    except _NotFinite:
        return None
