// Convolution of bfloat16 images whose pixels have their channels side by side, where the machine
// multiplies pairs: windows are copied as rows of words, some pixels and taps at a time, and
// multiplied while they are in cache. Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether the machine multiplies pairs, and targets fill vectors; `backward`: of the gradient of
/// the input.
bool fits_pixel_pairs(const ConvShape& shape, bool backward);

/// As conv_forward and its gradients (conv/conv.h), where images and results lie by pixels and
/// weights (O, *kernel, C / groups) too. False, and nothing to be read there, where factors that
/// meet a border are not finite.
bool pixel_pairs_forward(const ConvShape& shape, const void* input, const void* weight,
                         const void* bias, bool relu, void* output);
bool pixel_pairs_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                                const void* bias, void* grad_input);
bool pixel_pairs_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                                 void* grad_weight);

}  // namespace flambeau
