// Products of vectors of 3. Any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// out = a x b for `outer` times `inner` vectors, whose components lie `inner` elements apart. T:
/// float, double, complex64, complex128, float16, bfloat16, int32_t, int64_t.
template <class T>
void cross(int64_t outer, int64_t inner, const T* a, const T* b, T* out);

}  // namespace flambeau
