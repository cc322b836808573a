// Contiguous conversions between float32 and the half types, with the machine's instructions for
// it. Any thread; no GIL. Rounds to nearest even.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

void convert(const float16* from, float* to, int64_t n);
void convert(const float* from, float16* to, int64_t n);
void convert(const bfloat16* from, float* to, int64_t n);
void convert(const float* from, bfloat16* to, int64_t n);

}  // namespace flambeau
