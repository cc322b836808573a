// Convolutions of channels of their own (depthwise) in images whose pixels have their channels side
// by side, as results have them too: a lane for each channel. Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether each channel has one kernel and one result, and channels fill vectors.
bool fits_channels(const ConvShape& shape);

/// As conv_forward and its gradients (conv/conv.h). False, and nothing done, where a weight is not
/// finite: what it makes of the border is not known here.
bool channels_forward(const ConvShape& shape, const void* input, const void* weight,
                      const void* bias, bool relu, void* output);
bool channels_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                             const void* bias, void* grad_input);
void channels_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                              void* grad_weight);

}  // namespace flambeau
