// Convolution of images whose pixels have their channels side by side: windows are copied, a line
// of neighbouring pixels at a time, as rows of a matrix. Any thread may call.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether there are many sources without groups, few targets, and hardly more in windows than in
/// images.
bool fits_windows(const ConvShape& shape);

/// As conv_forward (conv/conv.h), to results that lie in the same way. False, and nothing to be
/// read there, where a weight or one of a few results is not finite.
bool windows_forward(const ConvShape& shape, const void* input, const void* weight,
                     const void* bias, bool relu, void* output);

}  // namespace flambeau
