// Systems with a triangular matrix. Any thread, no GIL. Columns of many right sides are shared
// among threads; results do not depend on how many.
#pragma once
#include <cstdint>

namespace flambeau {

/// Up to so many right sides lie by columns best, for solve_triangle.
inline constexpr int64_t few_right_sides = 16;

struct Triangle {
  int64_t n;
  bool upper, unit;
  bool by_columns = false;  // how A lies in memory, whose other triangle is not read
};

/// Each of the k rows of X, b, becomes the x with A x = b. T: float, double.
template <class T>
void solve_triangle(const Triangle& shape, const T* A, T* X, int64_t k);

/// X (n, k) becomes the Y with A Y = X. A and X lie by rows, which are so many numbers apart. T:
/// real or complex.
template <class T>
void solve_rows(const Triangle& shape, const T* A, int64_t a_step, T* X, int64_t x_step, int64_t k);

/// The same where X is lower triangular, and so is Y: (n, n), of a lower A.
template <class T>
void solve_lower_rows(const Triangle& shape, const T* A, int64_t a_step, T* X, int64_t x_step);

}  // namespace flambeau
