// The Airy function Ai. Raw contiguous memory. No GIL; threads share the elements, and no result
// depends on how.
#pragma once
#include <cstdint>

namespace flambeau {

/// out[i] = Ai(x[i]), computed in float64; NaN at infinity, as PyTorch has it. T: float, double.
template <class T>
void airy_ai(int64_t n, const T* x, T* out);

}  // namespace flambeau
