"""torch.ops.torchvision.NAME: the order of arguments, and all results, of torchvision's compiled operators."""

from ... import arange, int32
from ._roi import pooled_with_places
from .boxes import nms
from .deform_conv import deform_conv2d
from .ps_roi_align import ps_roi_align
from .ps_roi_pool import ps_roi_pool
from .roi_align import roi_align


def _roi_align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned):
    size = (pooled_height, pooled_width)
    return roi_align(input, rois, size, spatial_scale, sampling_ratio, aligned)


def _roi_pool(input, rois, spatial_scale, pooled_height, pooled_width):
    """The maxima, and where in its plane each lies, -1 in an empty bin."""
    size = (pooled_height, pooled_width)
    found, places = pooled_with_places("roi_pool", input, rois, size, spatial_scale)
    return found, places.to(int32)


def _channels(found):
    """Which channel of the input each element was read from."""
    return arange(found[0].numel(), dtype=int32).view(found.shape[1:]).repeat(len(found), 1, 1, 1)


def _ps_roi_align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio):
    size = (pooled_height, pooled_width)
    found = ps_roi_align(input, rois, size, spatial_scale, sampling_ratio)
    return found, _channels(found)


def _ps_roi_pool(input, rois, spatial_scale, pooled_height, pooled_width):
    found = ps_roi_pool(input, rois, (pooled_height, pooled_width), spatial_scale)
    return found, _channels(found)


def _deform_conv2d(
    input, weight, offset, mask, bias, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w,
    groups, offset_groups, use_mask,
):  # fmt: skip
    if groups * weight.shape[1] != input.shape[1]:
        raise RuntimeError(
            f"deform_conv2d: groups is {groups}, but weight {tuple(weight.shape)} has "
            f"{input.shape[1] // weight.shape[1]} for input {tuple(input.shape)}."
        )
    if offset_groups * 2 * weight.shape[2] * weight.shape[3] != offset.shape[1]:
        raise RuntimeError(
            f"deform_conv2d: offset_groups is {offset_groups}, which does not fit offset {tuple(offset.shape)}."
        )
    return deform_conv2d(
        input,
        offset,
        weight,
        bias,
        (stride_h, stride_w),
        (pad_h, pad_w),
        (dilation_h, dilation_w),
        mask if use_mask else None,
    )


OPERATORS = {
    "deform_conv2d": _deform_conv2d,
    "nms": nms,
    "ps_roi_align": _ps_roi_align,
    "ps_roi_pool": _ps_roi_pool,
    "roi_align": _roi_align,
    "roi_pool": _roi_pool,
}
