// Elimination for small matrices, row by row: below some 16 rows LAPACK's calls cost more than its
// arithmetic. All matrices are row-major without gaps. No GIL, no tensors.
#pragma once
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace flambeau {

/// Up to this many rows these loops are used.
inline constexpr int64_t small_matrix = 16;

inline double magnitude(double x) { return std::fabs(x); }
inline float magnitude(float x) { return std::fabs(x); }
template <class R>
[[gnu::always_inline]] inline R magnitude(const std::complex<R>& x) {
  return std::fabs(x.real()) + std::fabs(x.imag());
}

template <class T>
T conjugate(T x) {
  return x;
}
template <class R>
[[gnu::always_inline]] inline std::complex<R> conjugate(std::complex<R> x) {
  return {x.real(), -x.imag()};
}

/// a b without a second look at what is NaN, as LAPACK has it. Inline, as all that takes complex
/// numbers: as arguments of a call a pair of floats goes through memory twice, and waits there.
template <class T>
T product(T a, T b) {
  return a * b;
}
template <class R>
[[gnu::always_inline]] inline std::complex<R> product(std::complex<R> a, std::complex<R> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// row[i] -= factor * other[i] for begin <= i < end.
template <class T>
void subtract_row(T* row, const T* other, T factor, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) row[i] -= factor * other[i];
}

/// Complex numbers in a vector, real and imaginary parts in turn.
template <class R>
struct Pairs {
  typedef R V __attribute__((vector_size(16), aligned(alignof(R)), may_alias));
  static constexpr int64_t lanes = 16 / sizeof(R), numbers = lanes / 2;
  V real, imaginary;  // of the factor, as product_of takes them
  [[gnu::always_inline]] explicit Pairs(std::complex<R> factor) {
    const R re = factor.real(), im = factor.imag();
    if constexpr (lanes == 4) {
      real = V{re, re, re, re};
      imaginary = V{-im, im, -im, im};
    } else {
      real = V{re, re};
      imaginary = V{-im, im};
    }
  }
  [[gnu::always_inline]] V product_with(V with) const {
    if constexpr (lanes == 4)
      return with * real + __builtin_shufflevector(with, with, 1, 0, 3, 2) * imaginary;
    else
      return with * real + __builtin_shufflevector(with, with, 1, 0) * imaginary;
  }
};
/// Vectors begin at even places: what one step has stored as a whole, the next reads as a whole.
template <class R>
[[gnu::always_inline]] inline void subtract_row(std::complex<R>* row, const std::complex<R>* other,
                                                std::complex<R> factor, int64_t begin,
                                                int64_t end) {
  using P = Pairs<R>;
  const P pairs(factor);
  int64_t i = begin;
  for (; i < end && i % P::numbers != 0; ++i) row[i] -= product(factor, other[i]);
  for (; i + P::numbers <= end; i += P::numbers)
    *reinterpret_cast<typename P::V*>(row + i) -=
        pairs.product_with(*reinterpret_cast<const typename P::V*>(other + i));
  for (; i < end; ++i) row[i] -= product(factor, other[i]);
}

/// Whether a number has no inverse that all may be multiplied by in its place.
template <class T>
[[gnu::always_inline]] inline bool is_tiny(T pivot) {
  return magnitude(pivot) < std::numeric_limits<decltype(magnitude(pivot))>::min();
}

template <class T>
T reciprocal(T x) {
  return T(1) / x;
}
/// Source: Smith, "Algorithm 116: Complex division", Comm. ACM 5 (1962) 435.
template <class R>
[[gnu::always_inline]] inline std::complex<R> reciprocal(std::complex<R> x) {
  const R re = x.real(), im = x.imag();
  const bool wide = std::fabs(re) >= std::fabs(im);
  const R longer = wide ? re : im, shorter = wide ? im : re;
  const R ratio = shorter / longer, size = R(1) / (longer + shorter * ratio);
  return wide ? std::complex<R>{size, -ratio * size} : std::complex<R>{ratio * size, -size};
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
    const bool divides = std::is_floating_point_v<T> || is_tiny(row[j]);
    const T inverse = divides ? T(0) : reciprocal(row[j]);
    for (int64_t i = j + 1; i < m; ++i) {
      const T factor = divides ? A[i * n + j] / row[j] : product(A[i * n + j], inverse);
      A[i * n + j] = factor;
      subtract_row(A + i * n, row, factor, j + 1, n);
    }
  }
  return info;
}

/// L (n, n), lower, becomes W = L^-1; then out, whose lower triangle is 0, becomes that of W^H W.
template <class T>
void small_inverse_of_factor(T* L, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) {
    T* row = L + i * n;
    const T inverse = reciprocal(row[i]);
    T factors[small_matrix];
    std::copy_n(row, i, factors);
    std::fill_n(row, i, T(0));
    row[i] = T(1);
    for (int64_t k = 0; k < i; ++k) subtract_row(row, L + k * n, factors[k], 0, k + 1);
    for (int64_t j = 0; j <= i; ++j) row[j] = product(row[j], inverse);
    for (int64_t k = 0; k <= i; ++k) subtract_row(out + k * n, row, -conjugate(row[k]), 0, k + 1);
  }
}

/// X (n, k) becomes the solution Y of A Y = X, from one triangle of A.
template <class T>
void small_triangular(const T* A, int64_t n, T* X, int64_t k, bool upper, bool unit) {
  for (int64_t step = 0; step < n; ++step) {
    int64_t i = upper ? n - 1 - step : step;
    T* row = X + i * k;
    for (int64_t j = upper ? i + 1 : 0; j < (upper ? n : i); ++j)
      subtract_row(row, X + j * k, A[i * n + j], 0, k);
    if (unit) continue;
    // One division, of several right sides, unless the diagonal is too small for it. As in PyTorch:
    // so the same residuals are 0 where a later diagonal is.
    const T diagonal = A[i * n + i], inverse = reciprocal(diagonal);
    const bool divides = (std::is_floating_point_v<T> && k == 1) ||
                         (diagonal != T(0) && !std::isfinite(magnitude(inverse)));
    for (int64_t c = 0; c < k; ++c) row[c] = divides ? row[c] / diagonal : product(row[c], inverse);
  }
}

/// The lower triangle of A (n, n) becomes L with A = L L^H, column by column; false, and something
/// else, where a leading minor is not positive. `column` has room for n numbers.
template <class T>
bool small_cholesky(T* A, int64_t n, T* column) {
  for (int64_t j = 0; j < n; ++j) {
    const auto pivot = std::real(A[j * n + j]);
    if (!(pivot > 0)) return false;
    const auto root = std::sqrt(pivot);
    A[j * n + j] = T(root);
    for (int64_t i = j + 1; i < n; ++i) {
      A[i * n + j] /= root;
      column[i] = conjugate(A[i * n + j]);
    }
    for (int64_t i = j + 1; i < n; ++i) subtract_row(A + i * n, column, A[i * n + j], j + 1, i + 1);
  }
  return true;
}

/// The same by rows; gives the order of the first leading minor that is not positive, or 0, and
/// leaves there what LAPACK does.
template <class T>
int32_t small_cholesky(T* A, int64_t n) {
  auto rest = [&](int64_t i, int64_t j) {
    T sum = A[i * n + j];
    for (int64_t c = 0; c < j; ++c) sum -= product(A[i * n + c], conjugate(A[j * n + c]));
    return sum;
  };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) A[i * n + j] = rest(i, j) / std::real(A[j * n + j]);
    auto pivot = std::real(rest(i, i));
    if (!(pivot > 0)) {
      // What LAPACK leaves, which goes by columns: those before the failed pivot are whole.
      A[i * n + i] = T(pivot);
      for (int64_t r = i + 1; r < n; ++r)
        for (int64_t j = 0; j < i; ++j) A[r * n + j] = rest(r, j) / std::real(A[j * n + j]);
      return static_cast<int32_t>(i + 1);
    }
    A[i * n + i] = T(std::sqrt(pivot));
  }
  return 0;
}

/// The reflection I - tau v v^H, where v is 1 at row j and below it what `vectors` (its rows `step`
/// apart) hold, applied to columns [begin, end) of A (m, n); `sums` has room for n numbers.
template <class T>
void reflect(const T* vectors, int64_t step, T tau, int64_t j, T* A, int64_t m, int64_t n,
             int64_t begin, int64_t end, T* sums) {
  std::copy(A + j * n + begin, A + j * n + end, sums + begin);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(sums, A + i * n, -conjugate(vectors[i * step]), begin, end);
  subtract_row(A + j * n, sums, tau, begin, end);
  for (int64_t i = j + 1; i < m; ++i)
    subtract_row(A + i * n, sums, product(tau, vectors[i * step]), begin, end);
}

/// A (m, n) becomes R on and above its diagonal and the vectors of the reflections below it; tau:
/// their min(m, n) factors, with LAPACK's signs. Numbers whose squares leave double's range are for
/// LAPACK.
template <class T>
void small_qr(T* A, int64_t m, int64_t n, T* tau, T* sums) {
  for (int64_t j = 0; j < std::min(m, n); ++j) {
    auto wide = [](auto x) {
      if constexpr (std::is_floating_point_v<T>)
        return static_cast<double>(x);
      else
        return std::complex<double>(x);
    };
    auto square = [](auto x) {
      const auto re = std::real(x), im = std::imag(x);
      return re * re + im * im;
    };
    double below = 0;
    for (int64_t i = j + 1; i < m; ++i) below += square(wide(A[i * n + j]));
    tau[j] = T(0);
    const auto first = wide(A[j * n + j]);
    if (below == 0 && std::imag(first) == 0) continue;
    const double alpha = std::real(first),
                 beta = -std::copysign(std::sqrt(square(first) + below), alpha);
    tau[j] = static_cast<T>((beta - first) / beta);
    const auto head = first - beta;
    if constexpr (std::is_floating_point_v<T>) {
      for (int64_t i = j + 1; i < m; ++i)
        A[i * n + j] = static_cast<T>(static_cast<double>(A[i * n + j]) / head);
    } else {
      const auto inverse = 1.0 / head;
      for (int64_t i = j + 1; i < m; ++i)
        A[i * n + j] = static_cast<T>(product(wide(A[i * n + j]), inverse));
    }
    A[j * n + j] = static_cast<T>(beta);
    reflect(A + j, n, conjugate(tau[j]), j, A, m, n, j + 1, n, sums);
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
