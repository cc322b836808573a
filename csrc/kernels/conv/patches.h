// Convolution whose windows lie side by side, as of patch embeddings: the patches are rows of a
// matrix, so all three passes are plain products. Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether the windows touch without overlapping, and are long enough that copying them costs
/// little beside the products.
bool fits_patches(const ConvShape& shape);

void patches_forward(const ConvShape& shape, const void* input, const void* weight,
                     const void* bias, bool relu, void* output);
/// Whether elements of the input lie in no window: patches_backward_input leaves them as they are.
bool patches_leave_gaps(const ConvShape& shape);
void patches_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                            const void* bias, void* grad_input);
void patches_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                             void* grad_weight);

}  // namespace flambeau
