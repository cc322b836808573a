// Contiguous conversions between float32 and the half types, with the machine's instructions for
// it. Any thread; no GIL. Rounds to nearest even.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

void convert(const float16* from, float* to, int64_t n);
void convert(const float* from, float16* to, int64_t n);
void convert(const bfloat16* from, float* to, int64_t n);
void convert(const float* from, bfloat16* to, int64_t n);
inline void convert(const complex32* from, complex64* to, int64_t n) {
  convert(from->parts, reinterpret_cast<float*>(to), 2 * n);
}
inline void convert(const complex64* from, complex32* to, int64_t n) {
  convert(reinterpret_cast<const float*>(from), to->parts, 2 * n);
}

/// sums[i] += from[i]
void add_converted(const float16* from, float* sums, int64_t n);
void add_converted(const bfloat16* from, float* sums, int64_t n);

}  // namespace flambeau
