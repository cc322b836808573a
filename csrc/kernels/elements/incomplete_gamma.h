// The regularised incomplete gamma functions, several elements to a vector. Raw contiguous memory.
// No GIL; threads share the elements, and no result depends on how.
#pragma once
#include <cstdint>

namespace flambeau {

/// out = the regularised incomplete gamma function P(a, x), or 1 - P(a, x) if upper, computed
/// in float64. T: float, double.
template <class T>
void incomplete_gamma(int64_t n, const T* a, const T* x, bool upper, T* out);

}  // namespace flambeau
