// Systems with a triangular matrix and few right sides. Pure loops: any thread, no GIL, no
// allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// Up to so many right sides these loops are quicker than a blocked solver.
inline constexpr int64_t few_right_sides = 16;

struct Triangle {
  int64_t n;
  bool upper, unit;
  bool by_columns;  // how A lies in memory, whose other triangle is not read
};

/// Each of the k rows of X, b, becomes the x with A x = b. T: float, double.
template <class T>
void solve_triangle(const Triangle& shape, const T* A, T* X, int64_t k);

}  // namespace flambeau
