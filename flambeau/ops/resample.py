"""Resampling along dims: each new sample a weighted sum over a window of old ones.

It is linear, so it and its transpose are each other's derivative. The loops are csrc/kernels/vision/resize.h.
"""

from .. import _core
from .core import operators as fl
from .core.arguments import is_plain
from .core.declare import primitive


@primitive(method=False, function=False, out=False)
def _resample(ctx, input, sizes, ratios, kind, corners, back):
    """input with the last dims in other `sizes`; `back`, the gradient of an input of these sizes.

    ratios: how far a new place goes among the old ones in each of 3 dims; below 0 the dim stays as it is.
    """
    ctx.had, ctx.options = tuple(input.shape)[-len(sizes) :], (ratios, kind, corners, not back)
    return _core._resize(input, sizes, *ratios, kind, corners, back)


@_resample.derivative
def _(ctx, grad_output):
    return _resample(grad_output, ctx.had, *ctx.options), None, None, None, None, None


def resampled(input, sizes, ratios, kind, corners):
    """`input` of the modes linear (kind 0), cubic (1) or their antialiased forms (2, 3), rounded once.

    ratios: in each of 3 dims the input samples for one of the output; below 0 where the dim stays as it is.
    """
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"interpolate: input is {input.dtype}, which only the nearest modes take. Resize its real and imaginary "
            "parts."
        )
    if kind == 0 and max(ratios) < 0:
        return input.clone(memory_format=fl.contiguous_format)
    return _resample(input, sizes, ratios, kind, corners, False)


@primitive(method=False, function=False, out=False)
def _nearest(ctx, input, sizes, steps):
    """The last dims of input in other sizes; steps: how far a new place goes in each of 3 dims, and the shift."""
    ctx.had, ctx.sizes, ctx.steps = tuple(input.shape)[-len(sizes) :], sizes, steps
    return _core._nearest(input, sizes, *steps)


@_nearest.derivative
def _(ctx, grad_output):
    return _nearest_backward(grad_output, ctx.had, ctx.steps), None, None


@primitive(method=False, function=False, out=False)
def _nearest_backward(ctx, grad, sizes, steps):
    ctx.had, ctx.steps = tuple(grad.shape[-len(sizes) :]), steps
    return _core._nearest_backward(grad, sizes, *steps)


@_nearest_backward.derivative
def _(ctx, grad_output):
    return _nearest(grad_output, ctx.had, ctx.steps), None, None


def nearest(input, sizes, ratios, shift):
    """input (N, C, *S) with the last dims in other sizes: place i is (i + shift) * ratio of the old ones, cut."""
    if is_plain(input):
        return _nearest(input, tuple(sizes), ((1.0, 1.0, *ratios)[-3:] + (shift,)))
    result = input
    for dim, (size, ratio) in enumerate(zip(sizes, ratios, strict=True), 2):
        at = (fl.arange(size, dtype=fl.float32, device=input.device) + shift) * ratio
        result = result.index_select(dim, at.long().clamp(max=input.shape[dim] - 1))
    return result
