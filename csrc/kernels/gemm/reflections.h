// Householder's reflections, for loops that are compiled for several instruction sets. No GIL, no
// allocation.
#pragma once
#include <cmath>
#include <cstdint>

namespace flambeau {

/// The sum of the squares in float64.
template <class T>
[[gnu::always_inline]] inline double squares(int64_t n, const T* x) {
  constexpr int lanes = 8;
  double parts[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) {
      const auto value = static_cast<double>(x[i + l]);
      parts[l] += value * value;
    }
  double sum = 0;
  for (int l = 0; l < lanes; ++l) sum += parts[l];
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

/// The reflection I - tau v v^T of a vector x (n) to a multiple of the first unit vector: x becomes
/// that multiple and, behind it, v, whose first number is 1. Gives tau; signs are LAPACK's.
template <class T>
[[gnu::always_inline]] inline T reflection_of(int64_t n, T* x) {
  const double below = squares(n - 1, x + 1);
  if (below == 0) return T(0);
  const auto alpha = static_cast<double>(x[0]);
  const double beta = -std::copysign(std::sqrt(alpha * alpha + below), alpha);
  const double scale = 1 / (alpha - beta);
  for (int64_t i = 1; i < n; ++i) x[i] = static_cast<T>(static_cast<double>(x[i]) * scale);
  x[0] = static_cast<T>(beta);
  return static_cast<T>((beta - alpha) / beta);
}

}  // namespace flambeau
