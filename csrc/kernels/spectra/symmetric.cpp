#include "kernels/spectra/symmetric.h"

#include <algorithm>
#include <cmath>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/reflections.h"
#include "kernels/spectra/slots.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

/// The sums of the lanes of four vectors.
template <class T>
[[gnu::always_inline]] inline void sum_lanes(const typename Lanes<T>::V (&parts)[4], T* sums) {
  constexpr int lanes = Lanes<T>::count;
  for (int c = 0; c < 4; ++c) {
    T sum = 0;
    for (int l = 0; l < lanes / 2; ++l) sum += parts[c][l] + parts[c][l + lanes / 2];
    sums[c] = sum;
  }
}

/// y gains what columns [begin, end) of a symmetric matrix give to its product with x, by what lies
/// on and below the diagonal; the squares of a vector's width on the diagonal are whole. Columns
/// `rows` apart.
template <class T>
[[gnu::always_inline]] inline void times_columns_of(int64_t rows, int64_t begin, int64_t end,
                                                    const T* A, const T* x, T* y) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  for (int64_t square = begin; square < end; square += lanes) {
    V here = *reinterpret_cast<V*>(y + square);
    for (int64_t c = square; c < square + lanes; ++c)
      here += *reinterpret_cast<const V*>(A + c * rows + square) * x[c];
    *reinterpret_cast<V*>(y + square) = here;
    for (int64_t c = square; c < square + lanes; c += 4) {
      V parts[4] = {};
      const T* from = A + c * rows;
      for (int64_t i = square + lanes; i < rows; i += lanes) {
        const V factor = *reinterpret_cast<const V*>(x + i);
        V to = *reinterpret_cast<V*>(y + i);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          const V value = *reinterpret_cast<const V*>(from + k * rows + i);
          to += value * x[c + k];
          parts[k] += value * factor;
        }
        *reinterpret_cast<V*>(y + i) = to;
      }
      T sums[4];
      sum_lanes<T>(parts, sums);
      for (int k = 0; k < 4; ++k) y[c + k] += sums[k];
    }
  }
}

/// y (from row `first` on) loses `count` columns of P, an even number, times factors.
template <class T>
[[gnu::always_inline]] inline void subtract_columns_of(int64_t rows, int64_t first, int64_t count,
                                                       const T* P, const T* factors, T* y) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  auto subtract = [&]<int columns>(int64_t c) __attribute__((always_inline)) {
    const T* from = P + c * rows;
    for (int64_t i = first; i < rows; i += lanes) {
      V value = *reinterpret_cast<V*>(y + i);
#pragma GCC unroll 4
      for (int k = 0; k < columns; ++k)
        value -= *reinterpret_cast<const V*>(from + k * rows + i) * factors[c + k];
      *reinterpret_cast<V*>(y + i) = value;
    }
  };
  int64_t c = 0;
  for (; c + 4 <= count; c += 4) subtract.template operator()<4>(c);
  if (c < count) subtract.template operator()<2>(c);
}

/// sums[c] = the product of x and column c of P, from row `first` on; neighbours change places.
template <class T>
[[gnu::always_inline]] inline void dot_columns_of(int64_t rows, int64_t first, int64_t count,
                                                  const T* P, const T* x, T* sums) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  for (int64_t c = 0; c < count; c += 4) {
    V parts[4] = {};
    const T* from = P + c * rows;
    for (int64_t i = first; i < rows; i += lanes) {
      const V factor = *reinterpret_cast<const V*>(x + i);
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k)
        parts[k] += *reinterpret_cast<const V*>(from + k * rows + i) * factor;
    }
    T found[4];
    sum_lanes<T>(parts, found);
    for (int k = 0; k < 4; ++k) sums[c + (k ^ 1)] = found[k];
  }
}

/// w = tau y + f v, so that the change of the matrix by the reflection (v, tau) is v w^T + w v^T.
template <class T>
[[gnu::always_inline]] inline void finish_of(int64_t n, T tau, const T* y, const T* v, T* w) {
  T along;
  dot_rows<1>(n, y, v, 0, &along);
  const T back = T(-0.5) * tau * tau * along;
  for (int64_t i = 0; i < n; ++i) w[i] = tau * y[i] + back * v[i];
}

// A clone for each instruction set cannot be a template.
#define FLAMBEAU_LOOPS(T)                                                                       \
  FLAMBEAU_CLONES void times_columns(int64_t rows, int64_t begin, int64_t end, const T* A,      \
                                     const T* x, T* y) {                                        \
    times_columns_of(rows, begin, end, A, x, y);                                                \
  }                                                                                             \
  FLAMBEAU_CLONES void subtract_columns(int64_t rows, int64_t first, int64_t count, const T* P, \
                                        const T* factors, T* y) {                               \
    subtract_columns_of(rows, first, count, P, factors, y);                                     \
  }                                                                                             \
  FLAMBEAU_CLONES void dot_columns(int64_t rows, int64_t first, int64_t count, const T* P,      \
                                   const T* x, T* sums) {                                       \
    dot_columns_of(rows, first, count, P, x, sums);                                             \
  }                                                                                             \
  FLAMBEAU_CLONES void finish(int64_t n, T tau, const T* y, const T* v, T* w) {                 \
    finish_of(n, tau, y, v, w);                                                                 \
  }
FLAMBEAU_LOOPS(float)
FLAMBEAU_LOOPS(double)
#undef FLAMBEAU_LOOPS

FLAMBEAU_CLONES float reflect_column(int64_t n, float* x) { return reflection_of(n, x); }
FLAMBEAU_CLONES double reflect_column(int64_t n, double* x) { return reflection_of(n, x); }

/// Columns are taken in panels. Inside one the matrix behind it stays as it was, and what the
/// panel's reflections change is kept as pairs of vectors v, w; products with the matrix, each of
/// which reads half of it, are mended by them.
template <class T>
class Reduction {
 public:
  Reduction(int64_t n, T* A)
      : n_(n),
        rows_(padded_rows<T>(n)),
        A_(A),
        pairs_(Workspace::get<T>(reduction_slot, (4 * width + most_parts) * rows_)),
        turned_(pairs_ + 2 * width * rows_),
        y_(turned_ + 2 * width * rows_) {}

  void run(T* d, T* e, T* tau) {
    for (int64_t first = 0; first < n_; first += width) {
      const int64_t columns = std::min(width, n_ - first);
      std::fill_n(pairs_, 2 * width * rows_, T(0));
      for (int64_t j = first; j < first + columns; ++j) {
        change_column(j, 2 * (j - first));
        T* column = A_ + j * rows_;
        d[j] = column[j];
        if (j == n_ - 1) return;
        tau[j] = reflect_column(n_ - j - 1, column + j + 1);
        e[j] = column[j + 1];
        add_pair(j, 2 * (j - first), tau[j]);
      }
      change_rest(first + columns);
    }
  }

 private:
  static constexpr int64_t width = 32, lanes = Lanes<T>::count, most_parts = 8;

  /// The row from which on vectors reach row i.
  static int64_t aligned(int64_t i) { return i / lanes * lanes; }

  void change_column(int64_t j, int64_t count) {
    if (count == 0) return;
    T factors[2 * width];
    for (int64_t c = 0; c < count; ++c) factors[c ^ 1] = pairs_[c * rows_ + j];
    subtract_columns(rows_, aligned(j), count, pairs_, factors, A_ + j * rows_);
  }

  /// Behind `count` vectors those of the reflection that column j holds.
  void add_pair(int64_t j, int64_t count, T tau) {
    const int64_t first = aligned(j + 1);
    T *v = pairs_ + count * rows_, *w = v + rows_;
    v[j + 1] = T(1);
    std::copy(A_ + j * rows_ + j + 2, A_ + j * rows_ + n_, v + j + 2);
    multiply(first, v);
    if (count) {
      T sums[2 * width + 2];
      dot_columns(rows_, first, count, pairs_, v, sums);
      subtract_columns(rows_, first, count, pairs_, sums, y_);
    }
    finish(n_ - j - 1, tau, y_ + j + 1, v + j + 1, w + j + 1);
  }

  /// y = A x from row `first` on, above which x is 0. Columns in parts of equal area, whose sums
  /// are added in order.
  void multiply(int64_t first, const T* x) {
    const int64_t n = rows_ - first, parts = n < 768 ? 1 : std::min(most_parts, n / 256);
    auto column = [&](int64_t part) {
      const double left = std::sqrt(static_cast<double>(parts - part) / static_cast<double>(parts));
      return part == parts ? rows_ : aligned(rows_ - static_cast<int64_t>(left * n));
    };
    auto take = [&](int64_t part) {
      const int64_t begin = part == 0 ? first : column(part);
      T* y = y_ + part * rows_;
      std::fill(y + begin, y + rows_, T(0));
      times_columns(rows_, begin, column(part + 1), A_, x, y);
    };
    parallel_for(parts, take);
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t i = column(part); i < rows_; ++i) y_[i] += y_[part * rows_ + i];
  }

  /// Columns from `first` on lose what the panel's pairs change.
  void change_rest(int64_t first) {
    if (first >= n_) return;
    for (int64_t c = 0; c < 2 * width; ++c)
      std::copy(pairs_ + c * rows_ + first, pairs_ + (c + 1) * rows_,
                turned_ + (c ^ 1) * rows_ + first);
    constexpr int64_t columns = 64;
    parallel_ranges(n_ - first, columns, [&](int64_t begin, int64_t end) {
      const int64_t corner = first + begin;
      Gemm<T> change;  // rows of A^T are columns
      change.M = end - begin, change.N = rows_ - corner, change.K = 2 * width;
      change.a = turned_ + corner, change.b = pairs_ + corner, change.c = A_ + corner * (rows_ + 1);
      change.lda = change.ldb = change.ldc = rows_, change.trans_a = true;
      change.alpha = T(-1), change.beta = T(1);
      gemm(change);
    });
  }

  int64_t n_, rows_;
  T* A_;
  T *pairs_, *turned_, *y_;
};

}  // namespace

template <class T>
void make_tridiagonal(int64_t n, T* A, T* d, T* e, T* tau) {
  Reduction<T>(n, A).run(d, e, tau);
}
template void make_tridiagonal(int64_t, float*, float*, float*, float*);
template void make_tridiagonal(int64_t, double*, double*, double*, double*);

}  // namespace flambeau
