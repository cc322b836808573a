#include "kernels/gemm/condition.h"

#include <cmath>
#include <vector>

#include "kernels/gemm/dots.h"
#include "kernels/gemm/reflections.h"
#include "kernels/gemm/triangular.h"

namespace flambeau {

namespace {

/// x becomes a vector of length 1; its length before, 0 where that is no number to divide by.
template <class T>
double normalize(std::vector<T>& x) {
  const double length = std::sqrt(squares(static_cast<int64_t>(x.size()), x.data()));
  if (!(length > 0) || !std::isfinite(length)) return 0;
  for (T& value : x) value = static_cast<T>(static_cast<double>(value) / length);
  return length;
}

/// Signs without a pattern that a matrix could have.
template <class T>
std::vector<T> first_guess(int64_t n) {
  std::vector<T> x(n);
  uint32_t state = 2463534242;  // Marsaglia, "Xorshift RNGs", J. Stat. Soft. 8 (2003) 14
  for (T& value : x) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    value = state & 1 ? T(1) : T(-1);
  }
  normalize(x);
  return x;
}

/// The largest singular value of a matrix with products by it and its transpose, from below.
template <class T, class Times, class TimesTransposed>
double largest_singular(int64_t n, Times&& times, TimesTransposed&& times_transposed) {
  std::vector<T> x = first_guess<T>(n);
  double found = 0;
  for (int step = 0; step < 3; ++step) {
    times(x);
    const double there = normalize(x);
    if (there == 0) return INFINITY;
    times_transposed(x);
    const double back = normalize(x);
    if (back == 0) return INFINITY;
    found = std::sqrt(there * back);
  }
  return found;
}

}  // namespace

template <class T>
bool is_far_from_singular(int64_t n, const T* R, double limit) {
  double all = 0;
  for (int64_t j = 0; j < n; ++j) {
    if (R[j * n + j] == T(0)) return false;
    all += squares(j + 1, R + j * n);
  }
  const double inverse = largest_singular<T>(
      n,
      [&](std::vector<T>& x) {  // the transpose lies by rows
        solve_triangle({.n = n, .upper = false, .unit = false}, R, x.data(), 1);
      },
      [&](std::vector<T>& x) {
        solve_triangle({.n = n, .upper = true, .unit = false, .by_columns = true}, R, x.data(), 1);
      });
  // The largest is at most the root of all squares; that is known already.
  constexpr double safety = 8;
  const double most = 1 / (safety * limit * inverse);
  if (std::sqrt(all) < most) return true;
  if (std::sqrt(all) > most * std::sqrt(static_cast<double>(n))) return false;
  const double largest = largest_singular<T>(
      n,
      [&](std::vector<T>& x) {
        std::vector<T> product(n);
        for (int64_t j = 0; j < n; ++j)
          for (int64_t i = 0; i <= j; ++i) product[i] += R[j * n + i] * x[j];
        x.swap(product);
      },
      [&](std::vector<T>& x) {
        for (int64_t j = n - 1; j >= 0; --j) {
          T sum;
          dot_rows<1>(j + 1, R + j * n, x.data(), 0, &sum);
          x[j] = sum;
        }
      });
  return largest < most;
}

template bool is_far_from_singular(int64_t, const float*, double);
template bool is_far_from_singular(int64_t, const double*, double);

}  // namespace flambeau
