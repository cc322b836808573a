// Resampling along one dimension: each new element a sum over a window of old ones. Linear in the
// input, so that its gradient is the same with transposed windows. Raw contiguous memory; any
// thread may call, the GIL is not touched. Work is cut by sizes alone, and each sum has its own
// order: the same bits for any number of threads.
#pragma once
#include <vector>

#include "kernels/vision/resize_simd.h"
#include "kernels/vision/windows.h"

namespace flambeau {

/// Windows as resize wants them. T: float, double, or uint8_t, whose weights are whole multiples of
/// 2**-bits and whose halves are rounded up.
template <class T>
struct ResizeWindows {
  ResizeWindows(Windows given);

  Windows windows;  // their own weights are empty
  std::vector<resize_sum_t<T>> weights;
  int bits = 0;
  int64_t pairs = 0;  // leading_pairs(), if no place weighs more than two
};

/// out (outer, out_size, inner) from in (outer, in_size, inner).
template <class T>
void resize(const ResizeWindows<T>& windows, int64_t outer, int64_t inner, const T* in, T* out);

}  // namespace flambeau
