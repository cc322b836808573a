// Boxes, regions of interest, moved taps and resampling, of checked arguments and without history:
// what flambeau/vision/ops declares derivatives for. Needs the GIL.
#pragma once
#include <tuple>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// The places in `order` (N,) of boxes (N, 4) that stay.
TensorRef nms(Tensor& boxes, Tensor& order, double threshold);

/// Sizes (n, channels, height, width), bins (rows, columns); flags: 1 aligned, 2 by position, 4
/// means of pixels.
struct RoiBins {
  Dims sizes, bins;
  double scale;
  int64_t sampling, flags;
  using Arguments = std::tuple<Dims, Dims, double, int64_t, int64_t>;
};
/// boxes (K, 5): the number of an image and its corners.
TensorRef roi_mean(Tensor& input, Tensor& boxes, const RoiBins& bins);
TensorRef roi_mean_backward(Tensor& grad_output, Tensor& boxes, const RoiBins& bins);
/// (maxima, places)
std::tuple<TensorRef, TensorRef> roi_max(Tensor& input, Tensor& boxes, const RoiBins& bins);

/// Pairs for height and width.
struct DeformTaps {
  Dims kernel, stride, padding, dilation, out;
  int64_t groups;
  using Arguments = std::tuple<Dims, Dims, Dims, Dims, Dims, int64_t>;
};
/// What moved taps see; `mask` may be null.
TensorRef deform_columns(Tensor& input, Tensor& offset, Tensor* mask, const DeformTaps& taps);
/// The gradients of input, offset and mask.
std::tuple<TensorRef, TensorRef, TensorRef> deform_columns_backward(Tensor& grad, Tensor& input,
                                                                    Tensor& offset, Tensor* mask,
                                                                    const DeformTaps& taps);

/// Images uint8 (N, H, W) in another size, antialiased.
TensorRef resample(Tensor& images, int64_t height, int64_t width, bool cubic);
/// Pixels uint8 (H, W, 4) in another size, to the bit as Pillow does it.
TensorRef resample_pixels(Tensor& pixels, int64_t height, int64_t width, bool cubic,
                          bool height_first);
/// Pixels uint8 (H, W, 4) as planes (channels, H, W): uint8, or float32 divided by 255.
TensorRef planes(Tensor& pixels, int64_t channels, bool floating);

/// Lines uint8 (rows, 1 + bytes) of a PNG without their filters, (rows, bytes); step: the bytes of
/// a pixel.
TensorRef png_lines(Tensor& lines, int64_t step);

inline constexpr std::tuple vision_functions{
    declare<resample>("_resample", "images, height, width, cubic"),
    declare<resample_pixels>("_resample_pixels", "pixels, height, width, cubic, height_first"),
    declare<planes>("_planes", "pixels, channels, floating"),
    declare<png_lines>("_png_lines", "lines, step"),
    declare<nms>("_nms", "boxes, order, threshold"),
    declare<roi_mean>("_roi_mean", "input, boxes, sizes, bins, scale, sampling, flags"),
    declare<roi_mean_backward>("_roi_mean_backward",
                               "grad_output, boxes, sizes, bins, scale, sampling, flags"),
    declare<roi_max>("_roi_max", "input, boxes, sizes, bins, scale, sampling, flags"),
    declare<deform_columns>("_deform_columns",
                            "input, offset, mask, kernel, stride, padding, dilation, out, groups"),
    declare<deform_columns_backward>(
        "_deform_columns_backward",
        "grad, input, offset, mask, kernel, stride, padding, dilation, out, groups")};

}  // namespace flambeau::raw
