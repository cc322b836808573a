// Winograd's minimal filtering for float32: F(4x4, 3x3), 36 products for 16 results of a 3x3 kernel
// instead of 144, and F(4x4, 2x2), 25 instead of 64. Any thread may call; the GIL is not touched.
//
//     results = A^T [ (G kernel G^T) * (B^T tile B) ] A      (tile 6x6 or 5x5, results 4x4)
//
// from the points 0, +-sqrt(1/2), +-sqrt(2), infinity for 3x3. For 2x2 they are +-1/2, +-5/4 and
// infinity: the least errors of a search over symmetric ones, half those of 3x3. Over 256 channels
// the largest error is 5 times that of direct summation; with the usual points 0, +-1, +-2 it is 16
// times. Source: Lavin, Gray, "Fast algorithms for convolutional neural networks", 2015,
// arXiv:1509.09308; points as in Barabasz et al., "Error analysis and improving the accuracy of
// Winograd convolution", 2018, arXiv:1803.10986.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// True where Winograd is faster: 3x3 or 2x2, stride and dilation 1, many channels, tiles well
/// filled.
bool winograd_fits(const Correlation& correlation);
bool outer_winograd_fits(const Correlation& forward);

/// As correlate_direct (conv/direct.h), for correlations that fit. False if a result is infinite or
/// NaN: one such element of the source spoils all results of its tiles, so the caller has to
/// compute in another way.
bool correlate_winograd(const Correlation& correlation, const float* source, const float* weight,
                        const float* bias, bool relu, float* target);

/// As outer_direct (conv/direct.h), for forward correlations that fit. False as correlate_winograd.
bool outer_winograd(const Correlation& forward, const float* grad, const float* source,
                    float* grad_weight);

}  // namespace flambeau
