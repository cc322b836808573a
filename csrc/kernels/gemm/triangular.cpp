#include "kernels/gemm/triangular.h"

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"

namespace flambeau {

namespace {

/// Of `rows` right sides: row by row of A, whose products with what is known are subtracted.
template <int rows, class T>
[[gnu::always_inline]] inline void by_rows(const Triangle& shape, const T* A, T* X) {
  const int64_t n = shape.n;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = shape.upper ? n - 1 - step : step, begin = shape.upper ? i + 1 : 0;
    T sums[rows];
    dot_rows<rows>(step, A + i * n + begin, X + begin, n, sums);
    for (int r = 0; r < rows; ++r) {
      T& x = X[r * n + i];
      x -= sums[r];
      if (!shape.unit) x /= A[i * n + i];
    }
  }
}

/// Column by column, which is subtracted from what is left.
template <class T>
[[gnu::always_inline]] inline void by_columns(const Triangle& shape, const T* A, T* X) {
  const int64_t n = shape.n;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = shape.upper ? n - 1 - step : step;
    const T* __restrict column = A + i * n;
    if (!shape.unit) X[i] /= column[i];
    const T known = X[i];
    const int64_t begin = shape.upper ? 0 : i + 1, end = shape.upper ? i : n;
    T* __restrict x = X;
    for (int64_t j = begin; j < end; ++j) x[j] -= column[j] * known;
  }
}

template <class T>
[[gnu::always_inline]] inline void solve_all(const Triangle& shape, const T* A, T* X, int64_t k) {
  const int64_t fours = shape.by_columns ? 0 : k / 4 * 4;
  for (int64_t r = 0; r < fours; r += 4) by_rows<4>(shape, A, X + r * shape.n);
  for (int64_t r = fours; r < k; ++r)
    if (shape.by_columns)
      by_columns(shape, A, X + r * shape.n);
    else
      by_rows<1>(shape, A, X + r * shape.n);
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void solve(const Triangle& shape, const float* A, float* X, int64_t k) {
  solve_all(shape, A, X, k);
}
FLAMBEAU_CLONES void solve(const Triangle& shape, const double* A, double* X, int64_t k) {
  solve_all(shape, A, X, k);
}

}  // namespace

template <class T>
void solve_triangle(const Triangle& shape, const T* A, T* X, int64_t k) {
  solve(shape, A, X, k);
}
template void solve_triangle(const Triangle&, const float*, float*, int64_t);
template void solve_triangle(const Triangle&, const double*, double*, int64_t);

}  // namespace flambeau
