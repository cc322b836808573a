// Resampling along one dimension: each new element a sum over a window of old ones. Linear in the
// input, so that its gradient is the same with transposed windows. Raw contiguous memory; any
// thread may call, the GIL is not touched. Work is cut by sizes alone, and each sum has its own
// order: the same bits for any number of threads.
#pragma once
#include "kernels/vision/windows.h"

namespace flambeau {

/// out (outer, windows.out_size, inner) from in (outer, windows.in_size, inner). T: float, double,
/// or uint8_t, whose weights are whole multiples of 2**-bits and whose halves are rounded up.
template <class T>
void resize(const Windows& windows, int bits, int64_t outer, int64_t inner, const T* in, T* out);

}  // namespace flambeau
