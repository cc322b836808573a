// Sums of the values of equal indices. No GIL; see README.md.
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace flambeau::sparse {

/// out[g] = the sum of values[order[i]] for i from starts[g] to starts[g + 1], each a row of
/// `width` elements; of bool, whether any is true. float16 and bfloat16 are summed in float32 and
/// rounded once.
void sum_segments(DType dtype, const void* values, int64_t width, const int64_t* order,
                  const int64_t* starts, int64_t groups, void* out);

}  // namespace flambeau::sparse
