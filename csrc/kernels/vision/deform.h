// What a convolution with moved taps sees of its input: columns that a matrix product makes into
// the convolution. Contiguous memory as raw pointers; any thread may call, the GIL is not touched.
// Source: Dai et al., "Deformable Convolutional Networks", 2017, arXiv:1703.06211, eq. 1 to 4; with
// a mask, Zhu et al., "Deformable ConvNets v2", 2019, arXiv:1811.11168, eq. 1.
#pragma once
#include <cstdint>

namespace flambeau {

struct DeformShape {
  int64_t n = 0, channels = 0, height = 0, width = 0;  // of the input
  int64_t groups = 1;                                  // of channels, each with offsets of its own
  int64_t kernel[2], stride[2], padding[2], dilation[2];
  int64_t out[2];  // height and width of the result

  int64_t taps() const { return kernel[0] * kernel[1]; }
  int64_t places() const { return out[0] * out[1]; }
};

/// columns (n, channels * taps, places) = the input, bilinear, 0 outside, where each tap has moved
/// to, times the mask. offset (n, groups, taps, 2, places), y before x; mask (n, groups, taps,
/// places) or null.
template <class T>
void deform_columns(const DeformShape& shape, const T* input, const T* offset, const T* mask,
                    T* columns);

/// Gradients of all three from those of the columns; grad_input is zero at first, grad_mask null
/// with the mask.
template <class T>
void deform_columns_backward(const DeformShape& shape, const T* grad, const T* input,
                             const T* offset, const T* mask, T* grad_input, T* grad_offset,
                             T* grad_mask);

}  // namespace flambeau
