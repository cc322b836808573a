// Convolution of images whose pixels have their channels side by side: the pixels that a line of
// the kernel meets lie side by side too, so that each row of results is a sum of products, one for
// each line, with images as they lie. Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether no other way saves products, and copies of the images into another order and back would
/// take long beside these.
bool fits_lines(const ConvShape& shape);

/// As conv_forward (conv/conv.h), to results that lie in the same way. False, and nothing to be
/// read there, where a weight or one of a few results is not finite.
bool lines_forward(const ConvShape& shape, const void* input, const void* weight, const void* bias,
                   bool relu, void* output);

/// Whether lines_backward_weight saves more by that than it loses by short products.
bool outer_fits_lines(const ConvShape& shape);

/// As conv_backward_weight (conv/conv.h), of images and gradients that lie so.
void lines_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                           void* grad_weight);

/// The same of lines_backward_input, of any number of groups.
bool fits_lines_back(const ConvShape& shape);

/// As conv_backward_input, of images and gradients that lie so; false as lines_forward.
bool lines_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                          const void* bias, void* grad_input);

}  // namespace flambeau
