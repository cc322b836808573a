// The gradient of the weight of a convolution of bfloat16 images that lie by pixels, as a sum of
// products of pairs of results. Any thread may call.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// grad_weight (O, *kernel, C / groups) from gradients and images, whose channels lie side by side.
void outer_pixel_pairs(const Correlation& c, const bfloat16* grad, const bfloat16* source,
                       bfloat16* grad_weight);

}  // namespace flambeau
