// Convolution by kernels of one element, one step a pixel: matrices of pixels and channels are
// multiplied where they lie. Any thread may call.
#pragma once
#include <algorithm>

#include "kernels/conv/conv.h"

namespace flambeau {

/// How the elements of an image lie: its channels one after the other, or its pixels.
enum class ImageOrder { by_channels, by_pixels };

/// Whether the kernel has one element, goes one step a pixel and adds no border.
bool fits_pixels(const ConvShape& shape);

/// Whether groups, whose products are computed one after the other, are few and not thin on both
/// sides.
inline bool has_few_groups(int64_t channels, int64_t others, int64_t groups) {
  return groups == 1 || (groups <= 8 && std::max(channels, others) >= 8 * groups);
}

/// As conv_forward; groups are few. Input and output need not be in the same order.
void pixels_forward(const ConvShape& shape, const void* input, ImageOrder input_order,
                    const void* weight, const void* bias, bool relu, void* output,
                    ImageOrder output_order);
void pixels_backward_input(const ConvShape& shape, const void* grad_output, ImageOrder grad_order,
                           const void* weight, const void* bias, void* grad_input,
                           ImageOrder input_order);
/// Both by pixels.
void pixels_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                            void* grad_weight);

/// Both by channels: a sum of products of one image each.
void planes_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                            void* grad_weight);

}  // namespace flambeau
