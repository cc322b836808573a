// Dilated 3 x 3 convolution by Winograd: with dilation d, every d-th row and column is an image of
// its own whose kernel is dense. These d * d images stand in for each image. Any thread may call;
// no GIL.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

bool dilated_fits(const Correlation& c);

/// Computes the correlation and says true, or false where it is not dilated, or not by whole steps,
/// or Winograd is not for it.
bool correlate_dilated(const Correlation& c, const float* source, const float* weight,
                       const float* bias, bool relu, float* target);

/// The same of the gradient for the kernel.
bool outer_dilated(const Correlation& c, const float* grad, const float* source,
                   float* grad_weight);

}  // namespace flambeau
