#include "kernels/gemm/lu.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <type_traits>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/small_matrix.h"
#include "kernels/gemm/triangular.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Columns that are eliminated one by one, in a copy whose rows are so long.
constexpr int panel_width = 8;

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

/// The row of the largest number so far, by its bits without the sign: the first of equal ones.
template <class T>
struct Largest {
  Bits<T> size = 0;
  int64_t row;
  [[gnu::always_inline]] void look(T value, int64_t i) {
    const Bits<T> bits = std::bit_cast<Bits<T>>(value) << 1;
    row = bits > size ? i : row;
    size = bits > size ? bits : size;
  }
};

/// The LU factorization of P, m rows of panel_width numbers of which `width` count. Pivots are
/// counted from 1.
template <class T>
[[gnu::always_inline]] inline int32_t panel_of(int64_t m, int width, T* P, int32_t* pivots) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count, parts = panel_width / lanes;
  int32_t info = 0;
  Largest<T> largest;
  bool known = false;  // whether the last pass has looked for the largest
  for (int64_t j = 0; j < std::min<int64_t>(m, width); ++j) {
    if (!known) {
      largest = {0, j};
      for (int64_t i = j; i < m; ++i) largest.look(P[i * panel_width + j], i);
    }
    T* row = P + j * panel_width;
    pivots[j] = static_cast<int32_t>(largest.row + 1);
    if (largest.row != j) std::swap_ranges(row, row + panel_width, P + largest.row * panel_width);
    const T pivot = row[j];
    known = pivot != T(0);
    if (!known) {
      if (!info) info = static_cast<int32_t>(j + 1);
      continue;
    }
    const bool divides = std::abs(pivot) < std::numeric_limits<T>::min();
    const T inverse = T(1) / pivot;
    // The row's rest, 1 in column j, and 1 before it: what stands there stays beside NaN, too.
    T later[panel_width] = {}, here[panel_width] = {}, before[panel_width] = {};
    std::copy(row + j + 1, row + panel_width, later + j + 1);
    here[j] = T(1);
    std::fill_n(before, j, T(1));
    V rest[parts];
    decltype(V{} == V{}) is_here[parts], is_before[parts];
    for (int p = 0; p < parts; ++p) {
      rest[p] = *reinterpret_cast<const V*>(later + p * lanes);
      is_here[p] = *reinterpret_cast<const V*>(here + p * lanes) == T(1);
      is_before[p] = *reinterpret_cast<const V*>(before + p * lanes) == T(1);
    }
    largest = {0, j + 1};
    const int64_t next = std::min<int64_t>(j + 1, panel_width - 1);
    for (int64_t i = j + 1; i < m; ++i) {
      T* to = P + i * panel_width;
      const T factor = divides ? to[j] / pivot : to[j] * inverse;
#pragma GCC unroll 2
      for (int p = 0; p < parts; ++p) {
        V* place = reinterpret_cast<V*>(to + p * lanes);
        const V changed = is_here[p] ? V{} + factor : *place - rest[p] * factor;
        *place = is_before[p] ? *place : changed;
      }
      largest.look(to[next], i);
    }
  }
  return info;
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES int32_t panel(int64_t m, int width, float* P, int32_t* pivots) {
  return panel_of(m, width, P, pivots);
}
FLAMBEAU_CLONES int32_t panel(int64_t m, int width, double* P, int32_t* pivots) {
  return panel_of(m, width, P, pivots);
}
template <class R>
int32_t panel(int64_t m, int, std::complex<R>* P, int32_t* pivots) {
  return small_lu(P, m, panel_width, pivots);
}

template <class T>
class Lu {
 public:
  Lu(int64_t m, int64_t n, int64_t step)
      : step_(step),
        copy_(std::make_unique_for_overwrite<T[]>(m * panel_width + panel_width)),
        n_(n) {}

  int32_t run(int64_t m, T* A, int32_t* pivots) {
    const int64_t k = std::min(m, n_);
    const int32_t info = left_to_right(m, k, A, pivots);
    change_right(m, k, n_ - k, A, pivots);
    return info;
  }

 private:
  /// n <= m.
  int32_t left_to_right(int64_t m, int64_t n, T* A, int32_t* pivots) {
    if (n <= panel_width) return take_panel(m, n, A, pivots);
    const int64_t half = (n / 2 + panel_width - 1) / panel_width * panel_width;
    const int32_t info = left_to_right(m, half, A, pivots);
    change_right(m, half, n - half, A, pivots);
    const int32_t later = left_to_right(m - half, n - half, A + half * step_ + half, pivots + half);
    exchange_rows(pivots + half, n - half, A + half * step_, step_, half);
    for (int64_t i = half; i < n; ++i) pivots[i] += static_cast<int32_t>(half);
    return info ? info : later ? later + static_cast<int32_t>(half) : 0;
  }

  int32_t take_panel(int64_t m, int64_t n, T* A, int32_t* pivots) {
    T* rows = copy_.get();
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < panel_width; ++j)
        rows[i * panel_width + j] = j < n ? A[i * step_ + j] : T(0);
    int32_t more[panel_width];
    int32_t info = panel(m, static_cast<int>(n), rows, more);
    std::copy_n(more, std::min(m, n), pivots);
    for (int64_t i = 0; i < m; ++i) std::copy_n(rows + i * panel_width, n, A + i * step_);
    return info > n ? 0 : info;
  }

  /// What the factored columns [0, k) make of the next `width` ones.
  void change_right(int64_t m, int64_t k, int64_t width, T* A, const int32_t* pivots) {
    constexpr int64_t columns = 64;
    auto change = [&](int64_t begin, int64_t end) {
      T* X = A + k + begin;
      exchange_rows(pivots, k, X, step_, end - begin);
      solve_rows({.n = k, .upper = false, .unit = true}, A, step_, X, step_, end - begin);
      if (m == k) return;
      Gemm<T> rest;
      rest.M = m - k, rest.N = end - begin, rest.K = k;
      rest.a = A + k * step_, rest.b = X, rest.c = X + k * step_;
      rest.lda = rest.ldb = rest.ldc = step_;
      rest.alpha = T(-1), rest.beta = T(1);
      gemm(rest);
    };
    if (m * k * width < int64_t{1} << 18)
      change(0, width);
    else
      parallel_ranges(width, columns, change);
  }

  int64_t step_;
  std::unique_ptr<T[]> copy_;
  int64_t n_;
};

}  // namespace

template <class T>
int32_t factor_lu(int64_t m, int64_t n, T* A, int32_t* pivots) {
  return Lu<T>(m, n, n).run(m, A, pivots);
}

template <class T>
void exchange_rows(const int32_t* pivots, int64_t n, T* X, int64_t step, int64_t width,
                   bool backwards) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = backwards ? n - 1 - i : i, other = pivots[row] - 1;
    if (other != row) std::swap_ranges(X + row * step, X + row * step + width, X + other * step);
  }
}

template int32_t factor_lu(int64_t, int64_t, float*, int32_t*);
template int32_t factor_lu(int64_t, int64_t, double*, int32_t*);
template int32_t factor_lu(int64_t, int64_t, complex64*, int32_t*);
template int32_t factor_lu(int64_t, int64_t, complex128*, int32_t*);
template void exchange_rows(const int32_t*, int64_t, float*, int64_t, int64_t, bool);
template void exchange_rows(const int32_t*, int64_t, double*, int64_t, int64_t, bool);
template void exchange_rows(const int32_t*, int64_t, complex64*, int64_t, int64_t, bool);
template void exchange_rows(const int32_t*, int64_t, complex128*, int64_t, int64_t, bool);

}  // namespace flambeau
