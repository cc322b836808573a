// Convolution over 1 to 3 spatial dimensions: forward, and backward with respect to each operand.
// Contiguous (N, C, *spatial) tensors as raw pointers; any thread may call, the GIL is not touched.
// Work is cut by shape alone and sums are added in a fixed order: bits do not depend on the
// threads.
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace flambeau {

/// The shape of a convolution of input (N, C, *in) with weight (O, C / groups, *kernel) to output
/// (N, O, *out). Spatial arrays always have 3 entries (D, H, W); absent dimensions come first and
/// are 1 (padding 0). `padding` is at the low end; the high end follows from `out`.
struct ConvShape {
  DType dtype = DType::float32;
  int64_t N = 0, C = 0, O = 0, groups = 1;
  int64_t in[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  /// The weight is (O, *kernel, C / groups); only where reads_weight_by_pixels().
  bool weight_by_pixels = false;
};

/// Whether conv_forward, or conv_backward_input, had better read weights whose channels lie side by
/// side as they lie.
bool reads_weight_by_pixels(const ConvShape& shape, bool backward);

/// output[n, o] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, out * stride + k *
/// dilation
/// - padding], clamped at 0 if relu. bias may be null. float16 and bfloat16 are summed in float32
/// and rounded once; integers wrap around. Throws NotImplementedError for bool.
void conv_forward(const ConvShape& shape, const void* input, const void* weight, const void* bias,
                  bool relu, void* output);

/// grad_input from grad_output, which is also the transposed convolution of grad_output: `bias` (C
/// values, or null) is added for that use.
void conv_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                         const void* bias, void* grad_input);

/// grad_weight (O, C / groups, *kernel) from grad_output and input.
void conv_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                          void* grad_weight);

/// grad_bias[o] = sum of grad_output[n, o, ...] over n and space.
void conv_backward_bias(const ConvShape& shape, const void* grad_output, void* grad_bias);

}  // namespace flambeau
