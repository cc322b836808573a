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

/// What a softmax over each segment needs around the exponential: out = values minus the largest of
/// the segment, then in place values divided by the sum of the segment. A segment of -inf alone
/// becomes NaN. float32 and float64.
void shift_segments(DType dtype, const void* values, int64_t width, const int64_t* order,
                    const int64_t* starts, int64_t groups, void* out);
void divide_segments(DType dtype, void* values, int64_t width, const int64_t* order,
                     const int64_t* starts, int64_t groups);

}  // namespace flambeau::sparse
