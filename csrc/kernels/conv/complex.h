// Convolutions of complex numbers by those of real ones: the two parts are channels of their own.
// Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether the numbers are complex, and so many that taking their parts apart costs little.
bool fits_parts(const ConvShape& shape);

/// As conv_forward and its gradients (conv/conv.h), which multiply the parts.
void parts_forward(const ConvShape& shape, const void* input, const void* weight, const void* bias,
                   void* output);
void parts_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                          const void* bias, void* grad_input);
void parts_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                           void* grad_weight);

}  // namespace flambeau
