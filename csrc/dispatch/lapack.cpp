#include "dispatch/lapack.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/matmul.h"
#include "dispatch/tridiagonal.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/small_matrix.h"
#include "runtime/blas.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

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

Dims batch_of(const Tensor& A) { return {A.sizes, A.ndim - 2}; }
Dims with(Dims batch, std::initializer_list<int64_t> last) {
  for (int64_t size : last) batch.push(size);
  return batch;
}
int64_t rows(const Tensor& A) { return A.sizes[A.ndim - 2]; }
int64_t columns(const Tensor& A) { return A.sizes[A.ndim - 1]; }

/// A stack whose matrices are stored column by column, uninitialised.
TensorRef empty_by_columns(const Dims& sizes, DType dtype) {
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
int64_t matrices_in(Tensor& A) { return A.is_meta() ? 0 : batch_of(A).product(); }

TensorRef copy_by_rows(Tensor& A) {
  TensorRef out = empty(sizes_of(A), A.dtype);
  copy_bytes(*out, A);
  return out;
}

template <class T>
TensorRef copy_by_columns(Tensor& A) {
  TensorRef out = empty_by_columns(sizes_of(A), A.dtype);
  if (!A.contiguous) {
    copy_bytes(*out, A);
    return out;
  }
  int64_t m = rows(A), n = columns(A), count = matrices_in(A);
  for (int64_t b = 0; b < count; ++b)
    transpose(A.as<T>() + b * m * n, out->as<T>() + b * m * n, m, n);
  return out;
}

/// fn(b) for each matrix of a stack, `flops` each; short ones several at a time.
template <class F>
void each_matrix(int64_t count, int64_t flops, F&& fn) {
  int64_t per_chunk = std::max<int64_t>(1, 100000 / std::max<int64_t>(flops, 1));
  LongWork unlocked(count * flops > 100000);
  parallel_ranges(count, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) fn(b);
  });
}

/// X (n, k) becomes the solution Y of A Y = X, from one triangle of A, both by rows: a block of
/// rows at a time, so that most of the work is products. With `lower_rhs` X is lower triangular,
/// and so is Y.
template <class T>
void triangular_by_blocks(const Routine<T>& trsm, const T* A, int64_t n, T* X, int64_t k,
                          bool upper, bool unit, bool lower_rhs = false) {
  constexpr int64_t block = 64;
  int64_t count = (n + block - 1) / block;
  T one(1);
  Int N = n, K = k;
  for (int64_t step = 0; step < count; ++step) {
    int64_t i = (upper ? count - 1 - step : step) * block, height = std::min(block, n - i);
    int64_t begin = upper ? i + height : 0, end = upper ? n : i;
    int64_t width = lower_rhs && !upper ? std::min(k, i + height) : k;
    Gemm<T> rest;
    rest.M = height, rest.N = lower_rhs && !upper ? std::min(k, i) : k, rest.K = end - begin;
    rest.a = A + i * n + begin, rest.b = X + begin * k, rest.c = X + i * k;
    rest.lda = n, rest.ldb = k, rest.ldc = k;
    rest.alpha = T(-1), rest.beta = T(1);
    if (rest.K && rest.N) gemm(rest);
    Int H = height, W = width;
    trsm("R", upper ? "L" : "U", "N", unit ? "U" : "N", &W, &H, &one, A + i * n + i, &N, X + i * k,
         &K, one_letter, one_letter, one_letter, one_letter);
  }
}

/// X (n, k) by rows becomes the solution Y of A Y = X, where lu and pivots are LAPACK's for A^T = P
/// L U: A = U^T L^T P^T, and U^T is the lower triangle by rows.
template <class T>
void solve_by_blocks(const Routine<T>& trsm, const T* lu, const Int* pivots, int64_t n, T* X,
                     int64_t k, bool lower_rhs = false) {
  triangular_by_blocks(trsm, lu, n, X, k, false, false, lower_rhs);
  triangular_by_blocks(trsm, lu, n, X, k, true, true);
  for (int64_t i = n - 1; i >= 0; --i)
    if (int64_t other = pivots[i] - 1; other != i)
      std::swap_ranges(X + i * k, X + (i + 1) * k, X + other * k);
}

int64_t cube(int64_t n) { return n * n * n; }

/// Workspace that a query asked for: its first element holds the length.
template <class T>
Int length_of(T first) {
  return std::max<Int>(1, static_cast<Int>(std::real(first)));
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> lu_factor(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t m = rows(A), n = columns(A), k = std::min(m, n);
    Dims batch = batch_of(A);
    TensorRef pivots = empty(with(batch, {k}), DType::int32), info = zeros(batch, DType::int32);
    int64_t count = matrices_in(A);
    Int* p = elements<Int>(pivots);
    Int* failed = elements<Int>(info);
    if (std::max(m, n) <= small_matrix) {
      TensorRef LU = copy_by_rows(A);
      each_matrix(count, m * n * k, [&](int64_t b) {
        failed[b] = small_lu(elements<T>(LU) + b * m * n, m, n, p + b * k);
      });
      return std::tuple{LU, pivots, info};
    }
    Routine<T> getrf("getrf");
    TensorRef LU = copy_by_columns<T>(A);
    Int M = m, N = n;
    each_matrix(k ? count : 0, m * n * k, [&](int64_t b) {
      getrf(&M, &N, elements<T>(LU) + b * m * n, &M, p + b * k, failed + b);
    });
    return std::tuple{LU, pivots, info};
  });
}

std::tuple<TensorRef, TensorRef> solve(Tensor& A, Tensor& B) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), k = columns(B), count = matrices_in(A);
    TensorRef info = zeros(batch_of(A), DType::int32);
    Int* failed = elements<Int>(info);
    TensorRef LU = copy_by_rows(A);
    T* a = elements<T>(LU);
    if (n <= small_matrix) {
      TensorRef X = copy_by_rows(B);
      T* x = elements<T>(X);
      each_matrix(count, n * n * (n + k), [&](int64_t b) {
        Int pivots[small_matrix];
        failed[b] = small_lu(a + b * n * n, n, n, pivots, x + b * n * k, k);
        small_triangular(a + b * n * n, n, x + b * n * k, k, false, true);
        small_triangular(a + b * n * n, n, x + b * n * k, k, true, false);
      });
      return std::tuple{X, info};
    }
    Routine<T> getrf("getrf"), getrs("getrs"), trsm("trsm");
    bool wide = k >= 32;
    TensorRef X = wide ? copy_by_rows(B) : copy_by_columns<T>(B);
    T* x = elements<T>(X);
    Int N = n, K = k;
    each_matrix(count, n * n * (n + k), [&](int64_t b) {
      std::vector<Int> pivots(n);
      Int ignored;
      getrf(&N, &N, a + b * n * n, &N, pivots.data(), failed + b);
      if (failed[b] || !k) return;
      // Rows of A are columns of A^T to LAPACK: it solves with the transpose of what it factored.
      if (wide)
        solve_by_blocks(trsm, a + b * n * n, pivots.data(), n, x + b * n * k, k);
      else
        getrs("T", &N, &K, a + b * n * n, &N, pivots.data(), x + b * n * k, &N, &ignored,
              one_letter);
    });
    return std::tuple{X, info};
  });
}

std::tuple<TensorRef, TensorRef> inverse(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), count = matrices_in(A);
    TensorRef info = zeros(batch_of(A), DType::int32);
    Int* failed = elements<Int>(info);
    TensorRef LU = copy_by_rows(A), X = zeros(sizes_of(A), A.dtype);
    T *a = elements<T>(LU), *x = elements<T>(X);
    for (int64_t b = 0; b < count; ++b)
      for (int64_t i = 0; i < n; ++i) x[b * n * n + i * (n + 1)] = T(1);
    if (n <= small_matrix) {
      each_matrix(count, 2 * cube(n), [&](int64_t b) {
        Int pivots[small_matrix];
        failed[b] = small_lu(a + b * n * n, n, n, pivots, x + b * n * n, n);
        small_triangular(a + b * n * n, n, x + b * n * n, n, false, true);
        small_triangular(a + b * n * n, n, x + b * n * n, n, true, false);
      });
      return std::tuple{X, info};
    }
    // The library's own ways to an inverse (getri, getrs with the identity) took 1.6 and 1.9 times
    // as long as PyTorch at n = 512, this takes 1.15 times as long.
    Routine<T> getrf("getrf"), trsm("trsm");
    Int N = n;
    each_matrix(count, 2 * cube(n), [&](int64_t b) {
      std::vector<Int> pivots(n);
      getrf(&N, &N, a + b * n * n, &N, pivots.data(), failed + b);
      if (!failed[b])
        solve_by_blocks(trsm, a + b * n * n, pivots.data(), n, x + b * n * n, n, true);
    });
    return std::tuple{X, info};
  });
}

std::tuple<TensorRef, TensorRef> cholesky(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), count = matrices_in(A);
    TensorRef info = zeros(batch_of(A), DType::int32), L = copy_by_rows(A);
    Int* failed = elements<Int>(info);
    T* l = elements<T>(L);
    Int N = n;
    auto clear_above = [n](T* matrix) {
      for (int64_t i = 0; i < n; ++i) std::fill(matrix + i * n + i + 1, matrix + (i + 1) * n, T(0));
    };
    if (n <= small_matrix) {
      each_matrix(count, cube(n) / 3, [&](int64_t b) {
        failed[b] = small_cholesky(l + b * n * n, n);
        clear_above(l + b * n * n);
      });
      return std::tuple{L, info};
    }
    // A = U^T U by columns is A = L L^T by rows; for complex numbers so is its conjugate.
    Routine<T> potrf("potrf");
    each_matrix(count, cube(n) / 3, [&](int64_t b) {
      potrf("U", &N, l + b * n * n, &N, failed + b, one_letter);
      clear_above(l + b * n * n);
    });
    return std::tuple{L, info};
  });
}

TensorRef solve_triangular(Tensor& A, Tensor& B, bool upper, bool unit) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), k = columns(B), count = matrices_in(A);
    TensorRef X = copy_by_rows(B);
    if (X->numel == 0) return X;
    T* x = elements<T>(X);
    TensorRef turned = A.contiguous ? nullptr : transpose(A, -1, -2);
    bool by_columns = turned && turned->contiguous && n > small_matrix;
    TensorRef matrix = by_columns ? turned : contiguous(A);
    const T* a = elements<T>(matrix);
    if (n <= small_matrix) {
      each_matrix(count, n * n * k, [&](int64_t b) {
        small_triangular(a + b * n * n, n, x + b * n * k, k, upper, unit);
      });
      return X;
    }
    Routine<T> trsm("trsm");
    if (!by_columns && n > 64 && k >= 32) {
      each_matrix(count, n * n * k, [&](int64_t b) {
        triangular_by_blocks(trsm, a + b * n * n, n, x + b * n * k, k, upper, unit);
      });
      return X;
    }
    // By columns the equation reads X^T A^T = B^T.
    Int N = n, K = k;
    T one(1);
    const char *triangle = upper != by_columns ? "L" : "U", *turn = by_columns ? "T" : "N";
    each_matrix(count, n * n * k, [&](int64_t b) {
      trsm("R", triangle, turn, unit ? "U" : "N", &K, &N, &one, a + b * n * n, &N, x + b * n * k,
           &K, one_letter, one_letter, one_letter, one_letter);
    });
    return X;
  });
}

namespace {

/// fn(b, diagonal(i), negative): what the LU of each matrix says of its determinant.
template <class T, class F>
void each_lu(Tensor& A, F&& fn) {
  int64_t n = rows(A), count = matrices_in(A);
  TensorRef LU = copy_by_rows(A);  // det A^T = det A, so the order does not matter
  T* a = elements<T>(LU);
  auto with_pivots = [&](int64_t b, const Int* pivots) {
    bool negative = false;
    for (int64_t i = 0; i < n; ++i) negative ^= pivots[i] != i + 1;
    fn(b, a + b * n * n, negative);
  };
  if (n <= small_matrix) {
    each_matrix(count, cube(n), [&](int64_t b) {
      Int pivots[small_matrix];
      small_lu(a + b * n * n, n, n, pivots);
      with_pivots(b, pivots);
    });
    return;
  }
  Routine<T> getrf("getrf");
  Int N = n;
  each_matrix(count, cube(n), [&](int64_t b) {
    std::vector<Int> pivots(n);
    Int ignored;
    getrf(&N, &N, a + b * n * n, &N, pivots.data(), &ignored);
    with_pivots(b, pivots.data());
  });
}

}  // namespace

std::tuple<TensorRef, TensorRef> sign_and_log_det(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A);
    TensorRef sign = empty(batch_of(A), A.dtype),
              logarithm = empty(batch_of(A), dtype_of<real_t<T>>);
    each_lu<T>(A, [&](int64_t b, const T* lu, bool negative) {
      T s(negative ? -1 : 1);
      real_t<T> sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        T d = lu[i * (n + 1)];
        real_t<T> size = std::abs(d);
        if constexpr (std::is_floating_point_v<T>)
          s *= static_cast<T>((d > 0) - (d < 0));  // of a NaN 0, as sign() has it
        else
          s = size == 0 ? T(0) : s * (d / size);
        sum += std::log(size);
      }
      sign->as<T>()[b] = s;
      logarithm->as<real_t<T>>()[b] = sum;
    });
    return std::tuple{sign, logarithm};
  });
}

TensorRef determinant(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A);
    TensorRef out = empty(batch_of(A), A.dtype);
    each_lu<T>(A, [&](int64_t b, const T* lu, bool negative) {
      T product(negative ? -1 : 1);
      for (int64_t i = 0; i < n; ++i) product *= lu[i * (n + 1)];
      out->as<T>()[b] = product;
    });
    return out;
  });
}

std::tuple<TensorRef, TensorRef> qr(Tensor& A, bool complete) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t m = rows(A), n = columns(A), k = std::min(m, n), width = complete ? m : k;
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef Q = empty_by_columns(with(batch, {m, width}), A.dtype),
              R = zeros(with(batch, {width, n}), A.dtype);
    if (m == 0 || count == 0) return std::tuple{Q, R};
    TensorRef factors = copy_by_columns<T>(A);
    Routine<T> geqrf("geqrf"), orgqr(is_complex_v<T> ? "ungqr" : "orgqr");
    Int M = m, N = n, K = k, W = width, query = -1, ignored;
    T first(0), second(0), *f = elements<T>(factors), *q = elements<T>(Q), *r = elements<T>(R);
    if (k) geqrf(&M, &N, f, &M, &first, &first, &query, &ignored);
    orgqr(&M, &W, &K, q, &M, &second, &second, &query, &ignored);
    Int length = std::max(length_of(first), length_of(second));
    each_matrix(count, 2 * m * n * std::max<int64_t>(k, 1), [&](int64_t b) {
      std::vector<T> work(length), tau(k);
      Int info;
      T *source = f + b * m * n, *target = q + b * m * width;
      if (k) geqrf(&M, &N, source, &M, tau.data(), work.data(), &length, &info);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i <= std::min(j, width - 1); ++i)
          r[b * width * n + i * n + j] = source[j * m + i];
      std::copy(source, source + m * k, target);
      std::fill(target + m * k, target + m * width, T(0));
      orgqr(&M, &W, &K, target, &M, tau.data(), work.data(), &length, &info);
    });
    return std::tuple{Q, R};
  });
}

namespace {

// Up to here LAPACK takes no divide and conquer but QL steps, with rotations of another sign than
// PyTorch's.
constexpr int64_t by_steps = 25;

/// V, with the Hermitian matrices of which it has one triangle by columns, becomes their vectors.
template <class T>
void small_eigh(int64_t count, int64_t n, bool upper, T* V, real_t<T>* values, Int* failed) {
  using R = real_t<T>;
  Routine<T> reduce(is_complex_v<T> ? "hetrd" : "sytrd"), form(is_complex_v<T> ? "ungtr" : "orgtr");
  const R least = std::sqrt(std::numeric_limits<R>::min() / std::numeric_limits<R>::epsilon());
  Int N = n, length = 32 * n;
  each_matrix(count, 9 * cube(n), [&](int64_t b) {
    const char* triangle = upper ? "U" : "L";
    T *v = V + b * n * n, tau[by_steps], work[32 * by_steps];
    R *d = values + b * n, e[by_steps], size = 0;
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = upper ? 0 : j; i < (upper ? j + 1 : n); ++i)
        size = std::max(size, std::abs(v[j * n + i]));
    // Of an infinite matrix nothing is left: 0 * inf is NaN.
    R scale = n == 1                     ? 1
              : size > 0 && size < least ? least / size
              : size > 1 / least         ? 1 / least / size
                                         : 1;
    for (int64_t i = 0; scale != 1 && i < n * n; ++i) v[i] *= scale;
    reduce(triangle, &N, v, &N, d, e, tau, work, &length, failed + b, one_letter);
    form(triangle, &N, v, &N, tau, work, &length, failed + b, one_letter);
    failed[b] = tridiagonal_eigen(n, d, e, v);
    for (int64_t i = 0; scale != 1 && i < n; ++i) d[i] /= scale;
  });
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> eigh(Tensor& A, bool upper, bool vectors) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t n = rows(A);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef values = empty(with(batch, {n}), dtype_of<R>), info = zeros(batch, DType::int32),
              V = copy_by_columns<T>(A);
    if (n == 0 || count == 0) return std::tuple{values, V, info};
    Routine<T> evd(is_complex_v<T> ? "heevd" : "syevd");
    const char *job = vectors ? "V" : "N", *triangle = upper ? "U" : "L";
    T* v = elements<T>(V);
    R* w = elements<R>(values);
    Int* failed = elements<Int>(info);
    if (vectors && n <= by_steps) {
      small_eigh(count, n, upper, v, w, failed);
      return std::tuple{values, V, info};
    }
    Int N = n, query = -1, ignored, integers = 0;
    T size(0);
    R reals(0);
    auto run = [&](T* a, R* out, T* work, Int* l, R* rwork, Int* lr, Int* iwork, Int* li,
                   Int* bad) {
      if constexpr (is_complex_v<T>)
        evd(job, triangle, &N, a, &N, out, work, l, rwork, lr, iwork, li, bad, one_letter,
            one_letter);
      else
        evd(job, triangle, &N, a, &N, out, work, l, iwork, li, bad, one_letter, one_letter);
    };
    run(v, w, &size, &query, &reals, &query, &integers, &query, &ignored);
    Int length = length_of(size), real_length = length_of(reals),
        int_length = std::max(integers, 1);
    each_matrix(count, 9 * cube(n), [&](int64_t b) {
      std::vector<T> work(length);
      std::vector<R> rwork(real_length);
      std::vector<Int> iwork(int_length);
      run(v + b * n * n, w + b * n, work.data(), &length, rwork.data(), &real_length, iwork.data(),
          &int_length, failed + b);
    });
    return std::tuple{values, V, info};
  });
}

std::tuple<TensorRef, TensorRef, TensorRef, TensorRef> svd(Tensor& A, bool full, bool vectors) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t m = rows(A), n = columns(A), k = std::min(m, n);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A), wide = full ? m : k, high = full ? n : k;
    TensorRef S = empty(with(batch, {k}), dtype_of<R>), info = zeros(batch, DType::int32), U, Vh;
    if (vectors) {
      U = empty_by_columns(with(batch, {m, wide}), A.dtype);
      Vh = empty_by_columns(with(batch, {high, n}), A.dtype);
    }
    if (k == 0 || count == 0) {
      for (TensorRef* square : {&U, &Vh})
        if (vectors && (*square)->numel && !A.is_meta()) {
          std::fill_n((*square)->template as<T>(), (*square)->numel, T(0));
          for (int64_t b = 0, s = rows(**square); b < count; ++b)
            for (int64_t i = 0; i < s; ++i) (*square)->template as<T>()[(b * s + i) * s + i] = T(1);
        }
      return std::tuple{U, S, Vh, info};
    }
    // Of A itself, not of A^T that lies in its memory: the signs of the vectors are PyTorch's then.
    TensorRef copy = copy_by_columns<T>(A);
    Routine<T> gesdd("gesdd");
    const char* job = !vectors ? "N" : full ? "A" : "S";
    Int M = m, N = n, H = std::max<int64_t>(high, 1), query = -1, ignored;
    T size(0), *a = elements<T>(copy);
    int64_t longer = std::max(m, n);
    int64_t reals = !vectors ? 7 * k : k * std::max(5 * k + 7, 2 * longer + 2 * k + 1);
    auto run = [&](int64_t b, T* work, Int* length, R* rwork, Int* iwork, Int* bad) {
      T* u = vectors ? elements<T>(U) + b * m * wide : work;
      T* vt = vectors ? elements<T>(Vh) + b * high * n : work;
      R* s = elements<R>(S) + b * k;
      if constexpr (is_complex_v<T>)
        gesdd(job, &M, &N, a + b * m * n, &M, s, u, &M, vt, &H, work, length, rwork, iwork, bad,
              one_letter);
      else
        gesdd(job, &M, &N, a + b * m * n, &M, s, u, &M, vt, &H, work, length, iwork, bad,
              one_letter);
    };
    run(0, &size, &query, nullptr, nullptr, &ignored);
    Int length = length_of(size);
    each_matrix(count, 20 * m * n * k, [&](int64_t b) {
      std::vector<T> work(length);
      std::vector<R> rwork(is_complex_v<T> ? reals : 0);
      std::vector<Int> iwork(8 * k);
      run(b, work.data(), &length, rwork.data(), iwork.data(), elements<Int>(info) + b);
    });
    return std::tuple{U, S, Vh, info};
  });
}

std::tuple<TensorRef, TensorRef> least_squares(Tensor& A, Tensor& B, double rcond) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t m = rows(A), n = columns(A), k = columns(B), high = std::max(m, n);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef rank = zeros(batch, DType::int64), X = zeros(with(batch, {n, k}), A.dtype);
    if (X->numel == 0 || m == 0) return std::tuple{X, rank};
    TensorRef factors = copy_by_columns<T>(A), right = copy_by_columns<T>(B);
    Routine<T> gelsy("gelsy");
    Int M = m, N = n, K = k, H = high, query = -1, ignored, found;
    R limit = static_cast<R>(rcond);
    T size(0), *a = elements<T>(factors), *x = elements<T>(X);
    const T* b = elements<T>(right);
    auto run = [&](T* matrix, T* solution, Int* order, Int* r, T* work, Int* length, R* reals) {
      Int info = 0;
      if constexpr (is_complex_v<T>)
        gelsy(&M, &N, &K, matrix, &M, solution, &H, order, &limit, r, work, length, reals, &info);
      else
        gelsy(&M, &N, &K, matrix, &M, solution, &H, order, &limit, r, work, length, &info);
    };
    run(a, x, &ignored, &found, &size, &query, nullptr);
    Int length = length_of(size);
    each_matrix(count, 2 * m * n * (std::min(m, n) + k), [&](int64_t i) {
      std::vector<T> work(length), solution(high * k);
      std::vector<R> reals(2 * n);
      std::vector<Int> order(n, 0);
      for (int64_t j = 0; j < k; ++j)
        std::copy_n(b + (i * k + j) * m, m, solution.data() + j * high);
      Int r = 0;
      run(a + i * m * n, solution.data(), order.data(), &r, work.data(), &length, reals.data());
      rank->template as<int64_t>()[i] = r;
      for (int64_t row = 0; row < n; ++row)
        for (int64_t j = 0; j < k; ++j) x[(i * n + row) * k + j] = solution[j * high + row];
    });
    return std::tuple{X, rank};
  });
}

}  // namespace flambeau
