"""Resampling along dims: each new sample a weighted sum over a window of old ones.

It is linear, so it and its transpose are each other's derivative. The loops are csrc/kernels/vision/resize.h.
"""

from .. import _core
from .core import operators as fl
from .core.declare import primitive


@primitive(method=False, function=False, out=False)
def _resample(ctx, input, steps, kind, corners, back):
    """input after each of `steps` (dim, size, ratio); `back`, the gradient of an input of these sizes."""
    sizes = [input.size(dim) for dim, _, _ in steps]
    ctx.steps = [(dim, size, ratio) for (dim, _, ratio), size in zip(steps, sizes, strict=True)][
        ::-1
    ]
    ctx.options = kind, corners, not back
    result = input if steps else input.clone()
    for dim, size, ratio in steps:
        result = _core._resize(result, dim, size, ratio, kind, corners, back)
    return result


@_resample.derivative
def _(ctx, grad_output):
    return _resample(grad_output, ctx.steps, *ctx.options), None, None, None, None


def resampled(input, steps, kind, corners):
    """`input` of the modes linear (kind 0), cubic (1) or their antialiased forms (2, 3), rounded once.

    steps: (dim, counted from behind, size, input samples for one of the output) in their order.
    """
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"interpolate: input is {input.dtype}, which only the nearest modes take. Resize its real and imaginary "
            "parts."
        )
    if not steps and kind == 0:
        return input
    wide = input.float() if input.dtype in (fl.float16, fl.bfloat16) else input
    return _resample(wide, steps, kind, corners, False).to(input.dtype)
