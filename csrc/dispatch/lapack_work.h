// What factorizations share: LAPACK's routines by name, stacks of matrices by rows or columns, and
// the loops over a stack. For lapack.cpp and lapack_spectra.cpp alone. Needs the GIL, which
// each_matrix gives up.
#pragma once
#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>
#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/multiply.h"
#include "dispatch/views.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/small_matrix.h"
#include "kernels/gemm/triangular.h"
#include "kernels/spectra/tridiagonal.h"
#include "runtime/blas.h"
#include "runtime/threads.h"

namespace flambeau::lapack {

using Int = int32_t;  // Fortran's INTEGER in this library

template <class T>
struct Real {
  using type = T;
};
template <class R>
struct Real<std::complex<R>> {
  using type = R;
};
template <class T>
using real_t = typename Real<T>::type;
template <class T>
inline constexpr bool is_complex_v = !std::is_same_v<T, real_t<T>>;
template <class T>
inline constexpr DType dtype_of = std::is_same_v<T, float>       ? DType::float32
                                  : std::is_same_v<T, double>    ? DType::float64
                                  : std::is_same_v<T, complex64> ? DType::complex64
                                                                 : DType::complex128;

/// body.operator()<T>() with the type of A's elements.
template <class Body>
decltype(auto) with_matrix_type(const Tensor& A, Body&& body) {
  for (int d = std::max(0, A.ndim - 2); d < A.ndim; ++d)
    check(A.sizes[d] <= std::numeric_limits<Int>::max(), [&] {
      return message("the linear algebra library counts with 32 bits: a matrix of shape ", shape(A),
                     " is too large for it.");
    });
  switch (A.dtype) {
    case DType::float32: return body.template operator()<float>();
    case DType::float64: return body.template operator()<double>();
    case DType::complex64: return body.template operator()<complex64>();
    default: return body.template operator()<complex128>();
  }
}

/// A routine of the library by its name without the letter of the type. Call it with all arguments
/// by reference and the length of each string at the end, as Fortran has them.
template <class T>
class Routine {
 public:
  explicit Routine(const char* name) {
    constexpr char letter = std::is_same_v<T, float>       ? 's'
                            : std::is_same_v<T, double>    ? 'd'
                            : std::is_same_v<T, complex64> ? 'c'
                                                           : 'z';
    need_library();
    std::string symbol = letter + std::string(name) + "_";
    address_ = lapack_symbol(symbol.c_str());
    check(address_,
          [&] { return message("the BLAS library has no LAPACK routine ", symbol, "."); });
  }
  template <class... Args>
  void operator()(Args... args) const {
    reinterpret_cast<void (*)(Args...)>(address_)(args...);
  }

 private:
  void* address_;
};

constexpr size_t one_letter = 1;

inline Dims batch_of(const Tensor& A) { return {A.sizes, A.ndim - 2}; }
inline Dims with(Dims batch, std::initializer_list<int64_t> last) {
  for (int64_t size : last) batch.push(size);
  return batch;
}
inline int64_t rows(const Tensor& A) { return A.sizes[A.ndim - 2]; }
inline int64_t columns(const Tensor& A) { return A.sizes[A.ndim - 1]; }

/// A stack whose matrices are stored column by column, uninitialised.
inline TensorRef empty_by_columns(const Dims& sizes, DType dtype) {
  Dims strides = contiguous_strides(sizes);
  strides[sizes.n - 2] = 1;
  strides[sizes.n - 1] = std::max<int64_t>(sizes[sizes.n - 2], 1);
  return empty_strided(sizes, strides, dtype);
}

/// to[j * m + i] = from[i * n + j], in blocks that fit into the nearest cache.
template <class T>
void transpose(const T* from, T* to, int64_t m, int64_t n) {
  constexpr int64_t block = 16;
  for (int64_t i0 = 0; i0 < m; i0 += block)
    for (int64_t j0 = 0; j0 < n; j0 += block) {
      int64_t i1 = std::min(m, i0 + block), j1 = std::min(n, j0 + block);
      for (int64_t j = j0; j < j1; ++j)
        for (int64_t i = i0; i < i1; ++i) to[j * m + i] = from[i * n + j];
    }
}

/// Where the elements of t begin; null on meta, where there are no matrices to go through either.
template <class T>
T* elements(const TensorRef& t) {
  return t->is_meta() ? nullptr : t->as<T>();
}

/// How many matrices of a stack there are to compute with.
inline int64_t matrices_in(Tensor& A) { return A.is_meta() ? 0 : batch_of(A).product(); }

inline TensorRef copy_by_rows(Tensor& A) {
  TensorRef out = empty(sizes_of(A), A.dtype);
  copy_bytes(*out, A);
  return out;
}

template <class T>
TensorRef copy_by_columns(Tensor& A) {
  TensorRef out = empty_by_columns(sizes_of(A), A.dtype);
  if (!A.contiguous || std::max(rows(A), columns(A)) > small_matrix) {
    copy_bytes(*out, A);
    return out;
  }
  int64_t m = rows(A), n = columns(A), count = matrices_in(A);
  for (int64_t b = 0; b < count; ++b)
    transpose(A.as<T>() + b * m * n, out->as<T>() + b * m * n, m, n);
  return out;
}

/// The matrices of a stack, which lie by rows or by columns without gaps, or are copied.
template <class T>
class Matrices {
 public:
  explicit Matrices(Tensor& A) : m_(rows(A)), n_(columns(A)) {
    if (!A.contiguous && !A.is_meta()) {
      kept_ = flambeau::transpose(A, -1, -2);
      by_columns_ = kept_->contiguous;
    }
    if (!by_columns_) kept_ = contiguous(A);
    at_ = elements<T>(kept_);
  }
  /// Whether at(b) is matrix b by rows.
  bool by_rows() const { return !by_columns_; }
  const T* at(int64_t b) const { return at_ + b * m_ * n_; }
  /// Matrix b by rows.
  void read(int64_t b, T* to) const {
    if (by_columns_)
      lapack::transpose(at_ + b * m_ * n_, to, n_, m_);
    else
      std::copy_n(at_ + b * m_ * n_, m_ * n_, to);
  }

 private:
  int64_t m_, n_;
  bool by_columns_ = false;
  TensorRef kept_;
  const T* at_;
};

/// Room for a number of elements that is small as a rule, not initialised.
template <class T, int64_t usual = small_matrix * small_matrix>
class Room {
 public:
  explicit Room(int64_t n) {
    if (n > usual) more_ = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(n));
  }
  T* data() { return more_ ? more_.get() : reinterpret_cast<T*>(bytes_); }

 private:
  alignas(32) unsigned char bytes_[usual * sizeof(T)];
  std::unique_ptr<T[]> more_;
};

/// fn(b) for each matrix of a stack, `flops` each; short ones several at a time.
template <class F>
void each_matrix(int64_t count, int64_t flops, F&& fn) {
  int64_t per_chunk = std::max<int64_t>(1, 100000 / std::max<int64_t>(flops, 1));
  LongWork unlocked(count * flops > 100000);
  parallel_ranges(count, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) fn(b);
  });
}

/// Whether a real triangle of this size and so many right sides are for solve_triangle.
template <class T>
bool has_few_sides(int64_t n, int64_t k) {
  return !is_complex_v<T> && n > small_matrix && k <= few_right_sides;
}

/// solve_triangle where has_few_sides allows it.
template <class T>
void solve_few(const Triangle& shape, const T* A, T* X, int64_t k) {
  if constexpr (!is_complex_v<T>) solve_triangle(shape, A, X, k);
}

/// Row i of X (n, k) by columns is exchanged with row pivots[i] - 1, in this order or backwards.
template <class T>
void exchange_numbers(const Int* pivots, int64_t n, T* X, int64_t k, bool backwards) {
  for (int64_t c = 0; c < k; ++c)
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = backwards ? n - 1 - step : step;
      std::swap(X[c * n + i], X[c * n + pivots[i] - 1]);
    }
}

/// out, by columns, becomes X (n, n) by rows with columns exchanged, the last one first: X times
/// the matrix that exchanges rows.
template <class T>
void exchange_columns(const Int* pivots, int64_t n, const T* X, T* out) {
  std::vector<Int> from(n);
  std::iota(from.begin(), from.end(), 0);
  for (int64_t i = n - 1; i >= 0; --i) std::swap(from[i], from[pivots[i] - 1]);
  constexpr int64_t block = 16;
  for (int64_t begin = 0; begin < n; begin += block)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = begin; i < std::min(n, begin + block); ++i)
        out[j * n + i] = X[i * n + from[j]];
}

/// Whether all numbers are finite and below `most` and their squares, but of zeros, in the range of
/// float64.
template <class T>
bool squares_fit(const T* values, int64_t n, double most = 1e140) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const bool any = most > static_cast<double>(std::numeric_limits<T>::max());
  const Bits end = std::bit_cast<Bits>(any ? std::numeric_limits<T>::infinity()
                                           : static_cast<T>(most)),
             least = std::bit_cast<Bits>(static_cast<T>(1e-140));
  Bits outside = 0;  // no branch, for vectors
  for (int64_t i = 0; i < n; ++i) {
    const Bits size = std::bit_cast<Bits>(values[i]) << 1 >> 1;
    outside |= static_cast<Bits>(size >= end) | static_cast<Bits>((size != 0) & (size < least));
  }
  return outside == 0;
}

/// squares_fit of numbers of any kind.
template <class T>
bool all_squares_fit(const T* values, int64_t n) {
  constexpr int parts = sizeof(T) / sizeof(real_t<T>);
  return squares_fit(reinterpret_cast<const real_t<T>*>(values), parts * n);
}

/// QR of matrices up to this size: calls of LAPACK would cost more than the arithmetic.
inline constexpr int64_t small_qr_rows = 32, small_qr_columns = 16;

inline int64_t cube(int64_t n) { return n * n * n; }

/// Workspace that a query asked for: its first element holds the length.
template <class T>
Int length_of(T first) {
  return std::max<Int>(1, static_cast<Int>(std::real(first)));
}

}  // namespace flambeau::lapack
