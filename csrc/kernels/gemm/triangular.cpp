#include "kernels/gemm/triangular.h"

#include <algorithm>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/small_matrix.h"
#include "runtime/threads.h"

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

/// Rows of a triangle that are solved one by one.
constexpr int64_t leaf_rows = 16;

/// `vectors` vectors of each row of X, whose solution is Y.
template <int vectors, class T>
[[gnu::always_inline]] inline void solve_strip(const Triangle& shape, const T* A, int64_t a_step,
                                               T* X, int64_t x_step) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  for (int64_t step = 0; step < shape.n; ++step) {
    const int64_t i = shape.upper ? shape.n - 1 - step : step;
    V* row = reinterpret_cast<V*>(X + i * x_step);
    V values[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) values[v] = row[v];
    for (int64_t j = shape.upper ? i + 1 : 0, end = shape.upper ? shape.n : i; j < end; ++j) {
      const T factor = A[i * a_step + j];
      const V* known = reinterpret_cast<const V*>(X + j * x_step);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) values[v] -= known[v] * factor;
    }
    const T diagonal = A[i * a_step + i];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) row[v] = shape.unit ? values[v] : values[v] / diagonal;
  }
  static_assert(lanes * sizeof(T) == sizeof(V));
}

template <class T>
[[gnu::always_inline]] inline void solve_columns(const Triangle& shape, const T* A, int64_t a_step,
                                                 T* X, int64_t x_step, int64_t k) {
  for (int64_t step = 0; step < shape.n; ++step) {
    const int64_t i = shape.upper ? shape.n - 1 - step : step;
    T* row = X + i * x_step;
    for (int64_t j = shape.upper ? i + 1 : 0, end = shape.upper ? shape.n : i; j < end; ++j)
      subtract_row(row, X + j * x_step, A[i * a_step + j], 0, k);
    if (!shape.unit)
      for (int64_t c = 0; c < k; ++c) row[c] /= A[i * a_step + i];
  }
}

template <class T>
[[gnu::always_inline]] inline void solve_leaf_of(const Triangle& shape, const T* A, int64_t a_step,
                                                 T* X, int64_t x_step, int64_t k) {
  constexpr int lanes = Lanes<T>::count;
  int64_t c = 0;
  for (; c + 4 * lanes <= k; c += 4 * lanes) solve_strip<4>(shape, A, a_step, X + c, x_step);
  for (; c + lanes <= k; c += lanes) solve_strip<1>(shape, A, a_step, X + c, x_step);
  if (c < k) solve_columns(shape, A, a_step, X + c, x_step, k - c);
}

FLAMBEAU_CLONES void solve_leaf(const Triangle& shape, const float* A, int64_t a_step, float* X,
                                int64_t x_step, int64_t k) {
  solve_leaf_of(shape, A, a_step, X, x_step, k);
}
FLAMBEAU_CLONES void solve_leaf(const Triangle& shape, const double* A, int64_t a_step, double* X,
                                int64_t x_step, int64_t k) {
  solve_leaf_of(shape, A, a_step, X, x_step, k);
}
/// `vectors` vectors of each row of complex right sides, whose sums stay in registers; two sums of
/// each, of every second term, where one vector alone would wait for itself.
template <int vectors, class R>
void solve_pairs(const Triangle& shape, const std::complex<R>* A, int64_t a_step,
                 std::complex<R>* X, int64_t x_step) {
  using P = Pairs<R>;
  using V = typename P::V;
  for (int64_t step = 0; step < shape.n; ++step) {
    const int64_t i = shape.upper ? shape.n - 1 - step : step;
    const std::complex<R>* coefficients = A + i * a_step;
    V* row = reinterpret_cast<V*>(X + i * x_step);
    V sums[2][vectors] = {};
    const int64_t begin = shape.upper ? i + 1 : 0, end = shape.upper ? shape.n : i;
    auto add = [&](int64_t j, V* to) {
      const P pairs(coefficients[j]);
      const V* known = reinterpret_cast<const V*>(X + j * x_step);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) to[v] += pairs.product_with(known[v]);
    };
    int64_t j = begin;
    for (; j + 2 <= end; j += 2) add(j, sums[0]), add(j + 1, sums[1]);
    if (j < end) add(j, sums[0]);
    const bool tiny = !shape.unit && is_tiny(coefficients[i]);
    const P inverse(shape.unit || tiny ? std::complex<R>(1) : reciprocal(coefficients[i]));
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const V rest = row[v] - (sums[0][v] + sums[1][v]);
      row[v] = shape.unit || tiny ? rest : inverse.product_with(rest);
    }
    if (tiny)
      for (int64_t c = 0; c < vectors * P::numbers; ++c) X[i * x_step + c] /= coefficients[i];
  }
}

template <class R>
void solve_leaf(const Triangle& shape, const std::complex<R>* A, int64_t a_step, std::complex<R>* X,
                int64_t x_step, int64_t k) {
  constexpr int64_t numbers = Pairs<R>::numbers;
  int64_t c = 0;
  for (; c + 4 * numbers <= k; c += 4 * numbers) solve_pairs<4>(shape, A, a_step, X + c, x_step);
  for (; c + numbers <= k; c += numbers) solve_pairs<1>(shape, A, a_step, X + c, x_step);
  if (c < k) solve_columns(shape, A, a_step, X + c, x_step, k - c);
}

/// X (M, N) loses A (M, K) Y.
template <class T>
void subtract_product(int64_t M, int64_t N, int64_t K, const T* A, int64_t a_step, const T* Y, T* X,
                      int64_t x_step) {
  Gemm<T> known;
  known.M = M, known.N = N, known.K = K;
  known.a = A, known.b = Y, known.c = X;
  known.lda = a_step, known.ldb = known.ldc = x_step;
  known.alpha = T(-1), known.beta = T(1);
  gemm(known);
}

/// By halves: first the one that the other needs.
template <class T>
void solve_by_halves(const Triangle& shape, const T* A, int64_t a_step, T* X, int64_t x_step,
                     int64_t k) {
  // Products of few complex columns take longer than the same sums in registers.
  constexpr int64_t most = std::is_floating_point_v<T> ? leaf_rows : 8 * leaf_rows;
  if (shape.n <= leaf_rows || (shape.n <= most && k <= few_right_sides))
    return solve_leaf(shape, A, a_step, X, x_step, k);
  const int64_t half = (shape.n / 2 + leaf_rows - 1) / leaf_rows * leaf_rows, rest = shape.n - half;
  Triangle first = shape, last = shape;
  first.n = half, last.n = rest;
  T* below = X + half * x_step;
  if (!shape.upper) solve_by_halves(first, A, a_step, X, x_step, k);
  if (shape.upper) solve_by_halves(last, A + half * (a_step + 1), a_step, below, x_step, k);
  if (shape.upper)
    subtract_product(half, k, rest, A + half, a_step, below, X, x_step);
  else
    subtract_product(rest, k, half, A + half * a_step, a_step, X, below, x_step);
  if (shape.upper) solve_by_halves(first, A, a_step, X, x_step, k);
  if (!shape.upper) solve_by_halves(last, A + half * (a_step + 1), a_step, below, x_step, k);
}

}  // namespace

template <class T>
void solve_triangle(const Triangle& shape, const T* A, T* X, int64_t k) {
  solve(shape, A, X, k);
}
template void solve_triangle(const Triangle&, const float*, float*, int64_t);
template void solve_triangle(const Triangle&, const double*, double*, int64_t);

template <class T>
void solve_rows(const Triangle& shape, const T* A, int64_t a_step, T* X, int64_t x_step,
                int64_t k) {
  if (k == 0) return;
  // The columns of a task, by sizes alone.
  const int64_t columns = std::clamp<int64_t>(k / 512 * 64, 64, 256);
  if (shape.n * shape.n * k < int64_t{1} << 18)
    return solve_by_halves(shape, A, a_step, X, x_step, k);
  parallel_ranges(k, columns, [&](int64_t begin, int64_t end) {
    solve_by_halves(shape, A, a_step, X + begin, x_step, end - begin);
  });
}

template <class T>
void solve_lower_rows(const Triangle& shape, const T* A, int64_t a_step, T* X, int64_t x_step) {
  // Columns from c on have nothing above row c.
  constexpr int64_t columns = 64;
  parallel_ranges(shape.n, columns, [&](int64_t begin, int64_t end) {
    Triangle rest = shape;
    rest.n = shape.n - begin;
    const int64_t corner = begin * (a_step + 1);
    solve_by_halves(rest, A + corner, a_step, X + begin * (x_step + 1), x_step, end - begin);
  });
}

template void solve_rows(const Triangle&, const float*, int64_t, float*, int64_t, int64_t);
template void solve_lower_rows(const Triangle&, const float*, int64_t, float*, int64_t);
template void solve_rows(const Triangle&, const double*, int64_t, double*, int64_t, int64_t);
template void solve_lower_rows(const Triangle&, const double*, int64_t, double*, int64_t);
template void solve_rows(const Triangle&, const complex64*, int64_t, complex64*, int64_t, int64_t);
template void solve_lower_rows(const Triangle&, const complex64*, int64_t, complex64*, int64_t);
template void solve_rows(const Triangle&, const complex128*, int64_t, complex128*, int64_t,
                         int64_t);
template void solve_lower_rows(const Triangle&, const complex128*, int64_t, complex128*, int64_t);
}  // namespace flambeau
