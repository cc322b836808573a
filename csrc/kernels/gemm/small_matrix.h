// Elimination for small matrices, row by row: below some 16 rows LAPACK's calls cost more than its
// arithmetic. All matrices are row-major without gaps. No GIL, no tensors.
#pragma once
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <type_traits>

namespace flambeau {

/// Up to this many rows these loops are used.
inline constexpr int64_t small_matrix = 16;

inline double magnitude(double x) { return std::fabs(x); }
inline float magnitude(float x) { return std::fabs(x); }
template <class R>
R magnitude(const std::complex<R>& x) {
  return std::fabs(x.real()) + std::fabs(x.imag());
}

/// row[i] -= factor * other[i]
template <class T>
void subtract_row(T* row, const T* other, T factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) row[i] -= factor * other[i];
}

/// A (m, n) becomes L below and U on and above its diagonal; each of X's rows (m, k) is swapped
/// along. Gives the first zero on U's diagonal, counted from 1, or 0. pivots: the swaps, counted
/// from 1.
template <class T>
int32_t small_lu(T* A, int64_t m, int64_t n, int32_t* pivots, T* X = nullptr, int64_t k = 0) {
  int32_t info = 0;
  for (int64_t j = 0; j < std::min(m, n); ++j) {
    int64_t pivot = j;
    for (int64_t i = j + 1; i < m; ++i)
      if (magnitude(A[i * n + j]) > magnitude(A[pivot * n + j])) pivot = i;
    pivots[j] = static_cast<int32_t>(pivot + 1);
    if (pivot != j) {
      std::swap_ranges(A + j * n, A + (j + 1) * n, A + pivot * n);
      if (X) std::swap_ranges(X + j * k, X + (j + 1) * k, X + pivot * k);
    }
    T* row = A + j * n;
    if (row[j] == T(0)) {
      if (!info) info = static_cast<int32_t>(j + 1);
      continue;
    }
    for (int64_t i = j + 1; i < m; ++i) {
      T factor = A[i * n + j] / row[j];
      A[i * n + j] = factor;
      subtract_row(A + i * n + j + 1, row + j + 1, factor, n - j - 1);
    }
  }
  return info;
}

/// X (n, k) becomes the solution Y of A Y = X, from one triangle of A.
template <class T>
void small_triangular(const T* A, int64_t n, T* X, int64_t k, bool upper, bool unit) {
  for (int64_t step = 0; step < n; ++step) {
    int64_t i = upper ? n - 1 - step : step;
    T* row = X + i * k;
    for (int64_t j = upper ? i + 1 : 0; j < (upper ? n : i); ++j)
      subtract_row(row, X + j * k, A[i * n + j], k);
    if (unit) continue;
    // One division, of several right sides, unless the diagonal is too small for it. As in PyTorch: so
    // the same residuals are 0 where a later diagonal is.
    const T diagonal = A[i * n + i], inverse = T(1) / diagonal;
    const bool divides = k == 1 || (diagonal != T(0) && !std::isfinite(std::abs(inverse)));
    for (int64_t c = 0; c < k; ++c) row[c] = divides ? row[c] / diagonal : row[c] * inverse;
  }
}

/// The lower triangle of A (n, n) becomes L with A = L L^H; gives the order of the first leading
/// minor that is not positive, or 0.
template <class T>
int32_t small_cholesky(T* A, int64_t n) {
  auto conjugate = [](T x) {
    if constexpr (std::is_floating_point_v<T>)
      return x;
    else
      return std::conj(x);
  };
  auto rest = [&](int64_t i, int64_t j) {
    T sum = A[i * n + j];
    for (int64_t c = 0; c < j; ++c) sum -= A[i * n + c] * conjugate(A[j * n + c]);
    return sum;
  };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) A[i * n + j] = rest(i, j) / A[j * n + j];
    auto pivot = std::real(rest(i, i));
    if (!(pivot > 0)) {
      // What LAPACK leaves, which goes by columns: those before the failed pivot are whole.
      A[i * n + i] = T(pivot);
      for (int64_t r = i + 1; r < n; ++r)
        for (int64_t j = 0; j < i; ++j) A[r * n + j] = rest(r, j) / A[j * n + j];
      return static_cast<int32_t>(i + 1);
    }
    A[i * n + i] = T(std::sqrt(pivot));
  }
  return 0;
}

/// The reflection I - tau v v^T, where v is 1 at row j and below it what `vectors` (its rows `step`
/// apart) hold, applied to columns [begin, end) of A (m, n); `sums` has room for n numbers.
template <class T>
void reflect(const T* vectors, int64_t step, T tau, int64_t j, T* A, int64_t m, int64_t n,
             int64_t begin, int64_t end, T* sums) {
  std::copy(A + j * n + begin, A + j * n + end, sums);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(sums, A + i * n + begin, -vectors[i * step], end - begin);
  subtract_row(A + j * n + begin, sums, tau, end - begin);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(A + i * n + begin, sums, tau * vectors[i * step], end - begin);
}

/// A (m, n), real, becomes R on and above its diagonal and the vectors of the reflections below it;
/// tau: their min(m, n) factors, with LAPACK's signs. Numbers whose squares leave double's range
/// are for LAPACK.
template <class T>
void small_qr(T* A, int64_t m, int64_t n, T* tau, T* sums) {
  for (int64_t j = 0; j < std::min(m, n); ++j) {
    double below = 0;
    for (int64_t i = j + 1; i < m; ++i)
      below += static_cast<double>(A[i * n + j]) * static_cast<double>(A[i * n + j]);
    tau[j] = T(0);
    if (below == 0) continue;
    const double alpha = static_cast<double>(A[j * n + j]);
    const double beta = -std::copysign(std::sqrt(alpha * alpha + below), alpha);
    tau[j] = static_cast<T>((beta - alpha) / beta);
    for (int64_t i = j + 1; i < m; ++i)
      A[i * n + j] = static_cast<T>(static_cast<double>(A[i * n + j]) / (alpha - beta));
    A[j * n + j] = static_cast<T>(beta);
    reflect(A + j, n, tau[j], j, A, m, n, j + 1, n, sums);
  }
}

/// Q (m, width), the first columns of the product of the k reflections that small_qr left in A.
template <class T>
void small_q(const T* A, int64_t n, const T* tau, int64_t k, T* Q, int64_t m, int64_t width,
             T* sums) {
  std::fill(Q, Q + m * width, T(0));
  for (int64_t i = 0; i < width; ++i) Q[i * width + i] = T(1);
  for (int64_t j = k - 1; j >= 0; --j) reflect(A + j, n, tau[j], j, Q, m, width, j, width, sums);
}

}  // namespace flambeau
