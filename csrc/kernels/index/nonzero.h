// What a condition lets through: nonzero, masked_select, masked_scatter. Sizes depend on the data,
// so every operator has two steps: count, then fill what the caller has allocated. Raw strided
// views, any thread, no GIL.
#pragma once
#include <vector>

#include "tensor/strided.h"

namespace flambeau {

/// How many elements are nonzero before each stretch of walk_grain elements, and after the last:
/// all of them.
struct NonzeroCounts {
  std::vector<int64_t> before;
  int64_t total() const { return before.back(); }
};

/// Any dtype; NaN is nonzero.
NonzeroCounts count_nonzero(const Strided& self);

/// out, int64 (total, ndim): the coordinates of the nonzero elements in row-major order.
void nonzero(const Strided& out, const Strided& self, const NonzeroCounts& counts);

/// out, 1-D of `total` elements: the elements of self where mask (bool, same sizes) is true.
void masked_select(const Strided& out, const Strided& self, const Strided& mask,
                   const NonzeroCounts& counts);

/// Writes source[0], source[1], ... (1-D) where mask (bool, sizes of self) is true.
void masked_scatter(const Strided& self, const Strided& mask, const Strided& source,
                    const NonzeroCounts& counts);

}  // namespace flambeau
