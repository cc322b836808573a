// Convolution as products of matrices, without ever holding the whole im2col matrix: the columns of
// a block of pixels are packed into the panels that gemm/simd.h reads. Pixels of several items
// share a panel, so small planes fill vectors. Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// As correlate_direct (conv/direct.h), for enough targets to repay the packing (conv/costs.h);
/// some result has a tap. T: float, double.
template <class T>
void correlate_panels(const Correlation& correlation, const T* source, const T* weight,
                      const T* bias, bool relu, T* target);

/// As outer_direct (conv/direct.h), for some results. T: float, double.
template <class T>
void outer_panels(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
