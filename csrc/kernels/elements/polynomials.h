// Orthogonal polynomials by their recurrences, several elements to a vector. Raw contiguous memory.
// No GIL; threads share the elements, and no result depends on how.
#pragma once
#include <cstdint>

namespace flambeau {

/// As ops/polynomials.py numbers them.
enum class Polynomial {
  chebyshev_t,
  chebyshev_u,
  chebyshev_v,
  chebyshev_w,
  shifted_chebyshev_t,
  shifted_chebyshev_u,
  shifted_chebyshev_v,
  shifted_chebyshev_w,
  hermite_h,
  hermite_he,
  laguerre,
  legendre,
};
inline constexpr int n_polynomials = 12;

/// Steps of a recurrence are taken up to this degree; Laguerre's and Legendre's polynomials are NaN
/// beyond it.
inline constexpr double most_steps = 100000;

/// out[i] = the polynomial of degree trunc(degrees[i]), or without degrees trunc(degree), at x[i],
/// computed in float64; 0 for what is negative or no int64. T: float, double.
template <class T>
void polynomial(Polynomial kind, int64_t n, const T* x, const T* degrees, double degree, T* out);

}  // namespace flambeau
