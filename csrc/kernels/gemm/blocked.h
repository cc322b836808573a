// Matrix products in float32 and float64: cuts a product into blocks for the caches and tasks for
// the pool, and packs what the loops of gemm/simd.h cannot read in place.
// Any thread may call; the GIL is not touched. How a product is cut depends on its sizes and
// strides alone, so its bits do not depend on the number of threads.
#pragma once
#include "runtime/blas.h"

namespace flambeau {

/// See Gemm. T: float, double.
template <class T>
void gemm_blocked(const Gemm<T>& problem);

}  // namespace flambeau
