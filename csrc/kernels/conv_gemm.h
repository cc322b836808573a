// The weight gradient of 1x1 convolutions as products of matrices, by OpenBLAS.
// Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv_correlation.h"

namespace flambeau {

/// True for a kernel of one tap that never meets padding, with enough channels for a product.
bool outer_is_gemm(const Correlation& forward);

/// As outer_direct (conv_direct.h), for correlations of that kind. T: float, double.
template <class T>
void outer_gemm(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
