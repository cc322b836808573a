// Convolution as plain loops over its definition, for the dtypes without kernels of their own
// (integers, complex) and for factors that are not finite. Any thread may call; the GIL is not
// touched.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// As correlate_direct (conv/direct.h). With `padded` the zeros around the source are multiplied as
/// well, which a weight that is not finite shows; without, taps outside are left out.
template <class T>
void correlate_loops(const Correlation& correlation, const T* source, const T* weight,
                     const T* bias, bool relu, T* target, bool padded);

/// As outer_direct (conv/direct.h); the zeros around the source are multiplied as well, which a
/// grad that is not finite shows.
template <class T>
void outer_loops(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
