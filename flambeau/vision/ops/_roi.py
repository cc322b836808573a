"""What the poolings of regions share: boxes with their images, and the loops of csrc/kernels/vision/roi.h.

A mean of samples or pixels is linear in the features, so it and its transpose are each other's
derivative; boxes have no gradient.
"""

from ... import _core, arange, cat, float32, float64, full
from ...ops.core.declare import primitive

_ALIGNED, _BY_POSITION, _PIXELS = 1, 2, 4


def _linear(name, transposed):
    """The mean of regions, or its transpose, whose derivative is the operator that `transposed` gives."""
    loop = getattr(_core, name)

    @primitive(name=name, method=False, function=False, out=False)
    def run(ctx, input, boxes, sizes, options):
        ctx.save_for_backward(boxes)
        ctx.arguments = sizes, options
        return loop(input, boxes, sizes, *options)

    @run.derivative
    def _(ctx, grad_output):
        (boxes,) = ctx.saved
        return transposed()(grad_output, boxes, *ctx.arguments), None, None, None

    return run


_mean = _linear("_roi_mean", lambda: _mean_backward)
_mean_backward = _linear("_roi_mean_backward", lambda: _mean)


@primitive(name="_roi_max", method=False, function=False, out=False)
def _max(ctx, input, boxes, sizes, options):
    values, places = _core._roi_max(input, boxes, sizes, *options)
    ctx.save_for_backward(boxes, places)
    ctx.sizes = sizes
    ctx.mark_non_differentiable(places)
    return values, places


@_max.derivative
def _(ctx, grad_output, _):
    boxes, places = ctx.saved
    n, channels, height, width = ctx.sizes
    planes = boxes[:, 0].long()[:, None] * channels + arange(channels)  # (K, C)
    inside = places >= 0
    at = planes[:, :, None, None] * (height * width) + places.clamp(min=0)
    flat = grad_output.new_zeros(n * channels * height * width)
    flat = flat.scatter_add(0, at.flatten(), (grad_output * inside).flatten())
    return flat.view(ctx.sizes), None, None, None


def regions(name, input, boxes):
    """Boxes as (K, 5): the image of each before its corners. They come so, or as a list of (L, 4) an image."""
    if input.ndim != 4:
        raise RuntimeError(f"{name}: input is {tuple(input.shape)}; it must be (N, C, H, W).")
    if isinstance(boxes, list | tuple):
        for i, own in enumerate(boxes):
            if own.ndim != 2 or own.shape[1] != 4:
                raise AssertionError(
                    f"{name}: boxes of image {i} are {tuple(own.shape)}; they must be (L, 4)."
                )
        if not boxes:
            return input.new_zeros((0, 5))
        images = [
            full((len(own), 1), i, dtype=own.dtype, device=own.device)
            for i, own in enumerate(boxes)
        ]
        return cat([cat(images), cat(list(boxes))], dim=1)
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise AssertionError(
            f"{name}: boxes are {tuple(boxes.shape)}; they must be (K, 5), the image of each first, or a list of (L, 4)."
        )
    return boxes


def pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def pooled(name, input, boxes, output_size, spatial_scale, sampling=0, flags=0):
    """Means of the bins of regions: (K, channels, *output_size), the dtype of input."""
    dtype = input.dtype
    input, boxes, bins = _fitting(name, input, boxes, output_size)
    if flags & _BY_POSITION and input.shape[1] % (bins[0] * bins[1]):
        raise RuntimeError(
            f"{name}: input has {input.shape[1]} channels; they must be a multiple of the bins, {bins[0]} x {bins[1]}."
        )
    options = (bins, float(spatial_scale), int(sampling), flags)
    return _mean(input, boxes, tuple(input.shape), options).to(dtype)


def pooled_with_places(name, input, boxes, output_size, spatial_scale):
    """Maxima of the bins of regions, and where in its plane each lies, -1 for none."""
    dtype = input.dtype
    input, boxes, bins = _fitting(name, input, boxes, output_size)
    found, places = _max(input, boxes, tuple(input.shape), (bins, float(spatial_scale), 0, 0))
    return found.to(dtype), places


def _fitting(name, input, boxes, output_size):
    """Input and boxes in a dtype that there are loops for, and the bins."""
    boxes = regions(name, input, boxes).detach()
    if input.dtype != boxes.dtype:
        raise RuntimeError(
            f"{name}: input is {input.dtype} and boxes are {boxes.dtype}; they must be alike."
        )
    if input.dtype not in (float32, float64):
        input, boxes = input.float(), boxes.float()
    return input, boxes, pair(output_size)
