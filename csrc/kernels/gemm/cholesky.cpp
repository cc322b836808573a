#include "kernels/gemm/cholesky.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/triangular.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Up to so many rows are eliminated one by one.
constexpr int64_t leaf_rows = 32;

/// By rows of L^T, in a copy whose rows are whole vectors.
template <class T>
[[gnu::always_inline]] inline bool leaf_of(int64_t n, T* A, int64_t step) {
  using V = typename Lanes<T>::V;
  constexpr int64_t lanes = Lanes<T>::count;
  T U[leaf_rows][leaf_rows] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) U[j][i] = A[i * step + j];
  for (int64_t j = 0; j < n; ++j) {
    const T pivot = U[j][j];
    if (!(pivot > T(0)) || !(pivot < std::numeric_limits<T>::infinity())) return false;
    const T root = std::sqrt(pivot), inverse = T(1) / root;
    for (int64_t i = j / lanes * lanes; i < leaf_rows; i += lanes)
      *reinterpret_cast<V*>(&U[j][i]) *= inverse;
    U[j][j] = root;
    for (int64_t r = j + 1; r < n; ++r) {
      const T factor = U[j][r];
      for (int64_t i = r / lanes * lanes; i < leaf_rows; i += lanes)
        *reinterpret_cast<V*>(&U[r][i]) -= *reinterpret_cast<const V*>(&U[j][i]) * factor;
    }
  }
  for (int64_t j = 0; j < n; ++j) std::copy(U[j] + j, U[j] + n, A + j * step + j);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) A[i * step + j] = U[j][i];
  return true;
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES bool leaf(int64_t n, float* A, int64_t step) { return leaf_of(n, A, step); }
FLAMBEAU_CLONES bool leaf(int64_t n, double* A, int64_t step) { return leaf_of(n, A, step); }

/// to[i, j] = from[j, i] of (m, n), rows `step` apart, in blocks that fit into the nearest cache.
template <class T>
void turn(int64_t m, int64_t n, const T* from, T* to, int64_t step) {
  constexpr int64_t block = 16;
  for (int64_t i0 = 0; i0 < m; i0 += block)
    for (int64_t j0 = 0; j0 < n; j0 += block)
      for (int64_t i = i0; i < std::min(m, i0 + block); ++i)
        for (int64_t j = j0; j < std::min(n, j0 + block); ++j)
          to[i * step + j] = from[j * step + i];
}

template <class T>
bool by_halves(int64_t n, T* A, int64_t step) {
  if (n <= leaf_rows) return leaf(n, A, step);
  const int64_t half = (n / 2 + leaf_rows - 1) / leaf_rows * leaf_rows, rest = n - half;
  if (!by_halves(half, A, step)) return false;
  // What stands left below is known above, too, where a product reads it row by row.
  T *right = A + half, *below = A + half * step, *corner = below + half;
  turn(half, rest, below, right, step);
  solve_rows({.n = half, .upper = false, .unit = false}, A, step, right, step, rest);
  turn(rest, half, right, below, step);
  constexpr int64_t rows = 64;
  auto change = [&](int64_t begin, int64_t end) {
    Gemm<T> g;
    g.M = end - begin, g.N = end, g.K = half;
    g.a = below + begin * step, g.b = right, g.c = corner + begin * step;
    g.lda = g.ldb = g.ldc = step;
    g.alpha = T(-1), g.beta = T(1);
    gemm(g);
  };
  parallel_ranges(rest, rows, change);
  return by_halves(rest, corner, step);
}

}  // namespace

template <class T>
bool factor_cholesky(int64_t n, T* A) {
  return by_halves(n, A, n);
}
template bool factor_cholesky(int64_t, float*);
template bool factor_cholesky(int64_t, double*);

}  // namespace flambeau
