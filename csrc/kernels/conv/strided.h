// Convolution in float32 by kernels two (or three) strides wide, such as 4 x 4 with stride 2 and 8
// x 8 with stride 4: every second (fourth) row and column of the image, and of the kernel, is an
// image with a dense kernel of 2 x 2 (3 x 3) of its own, so Winograd's method serves it. Any thread
// may call; the GIL is not touched.
#pragma once
#include <vector>

#include "kernels/conv/correlation.h"

namespace flambeau {

/// As correlate_direct (conv/direct.h) for a forward correlation of such a kernel. False where it
/// is none, where Winograd's method would not pay, or a result is not finite.
bool correlate_strided(const Correlation& correlation, const float* source, const float* weight,
                       const float* bias, bool relu, float* target);

/// Whether Winograd's method fits these phases of a backward-input correlation.
bool strided_fits(const std::vector<Correlation>& phases);

/// The same for all phases of a backward-input correlation with stride 2, which are written side by
/// side.
bool correlate_strided(const std::vector<Correlation>& phases, const float* source,
                       const float* weight, const float* bias, bool relu, float* target);

/// As outer_direct. False as correlate_strided.
bool outer_strided(const Correlation& forward, const float* grad, const float* source,
                   float* grad_weight);

}  // namespace flambeau
