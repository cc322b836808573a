// Sums over boxes of pixels: what means, their gradients and those of nearest places are. Dense
// images of pixels (D, H, W, channels); any thread may call, the GIL is not touched. Work is cut by
// sizes alone, and each sum has its own order: the same bits for any number of threads.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/pool/pool.h"
#include "tensor/dtype.h"

namespace flambeau {

/// For each new place along a dim the old ones [begin, end) that it is the sum of.
struct BoxAxis {
  int64_t old_size;
  std::vector<int64_t> begin, end;
  int64_t size() const { return static_cast<int64_t>(begin.size()); }
};

/// The windows themselves, whose steps are 1.
BoxAxis windows_themselves(const PoolAxis& axis);
/// Where each input is covered by windows: those that hold place i lie side by side if they begin
/// and end in order and have no gaps.
BoxAxis covering_windows(const PoolAxis& axis);
/// Where each old place stands among the new ones, whose old ones are in order.
BoxAxis places_taken(const std::vector<int64_t>& old_places, int64_t old_size);

/// What each old pixel of an image is divided by before it is added up, and each sum; may be null.
struct BoxDivisors {
  const double *of_old, *of_sums;
};

/// float32, float64 or halves, which are summed in float32 and rounded once.
void sum_boxes(DType dtype, int64_t images, int64_t channels, const BoxAxis axis[3],
               const BoxDivisors& divisors, const void* in, void* out);

}  // namespace flambeau
