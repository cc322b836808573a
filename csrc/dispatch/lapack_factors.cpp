// What stands in LU factorizations, solutions by them; L D L^T factorizations.
#include "dispatch/lapack.h"
#include "dispatch/lapack_work.h"
#include "kernels/gemm/lu.h"

namespace flambeau {

using namespace lapack;

namespace {

/// Pivots (*B, k), from 1 to n or also their negatives, in memory that no other thread writes to.
TensorRef own_pivots(const char* op, Tensor& pivots, int64_t n, bool negative = false) {
  TensorRef own = contiguous(*clone(pivots));
  const Int* p = elements<Int>(own);
  auto is_row = [&](int64_t i) { return (negative && i < 0 ? -i : i) >= 1 && std::abs(i) <= n; };
  check(own->is_meta() || std::all_of(p, p + own->numel, is_row),
        [&] { return message(op, ": a pivot is no row of matrices of ", n, "."); });
  return own;
}

}  // namespace

TensorRef permutation(Tensor& pivots, int64_t m, DType dtype) {
  const int64_t k = pivots.sizes[pivots.ndim - 1];
  const Dims batch{pivots.sizes, pivots.ndim - 1};
  TensorRef own = own_pivots("lu_unpack", pivots, m), P = zeros(with(batch, {m, m}), dtype);
  if (P->is_meta() || P->numel == 0) return P;
  const Int* p = elements<Int>(own);
  const int64_t count = batch.product();
  with_matrix_type(*P, [&]<class T>() {
    T* out = elements<T>(P);
    each_matrix(count, m * m, [&](int64_t b) {
      Room<Int> order(m);
      std::iota(order.data(), order.data() + m, 0);
      for (int64_t i = 0; i < k; ++i) std::swap(order.data()[i], order.data()[p[b * k + i] - 1]);
      for (int64_t i = 0; i < m; ++i) out[(b * m + order.data()[i]) * m + i] = T(1);
    });
  });
  return P;
}

std::tuple<TensorRef, TensorRef> inverse_of_factor(Tensor& factor, bool upper) {
  return with_matrix_type(factor, [&]<class T>() {
    const int64_t n = rows(factor), count = n ? matrices_in(factor) : 0;
    TensorRef X = empty_by_columns(sizes_of(factor), factor.dtype),
              info = zeros(batch_of(factor), DType::int32);
    T* x = elements<T>(X);
    Int* failed = elements<Int>(info);
    const Matrices<T> given(factor);
    const Routine<T> by_library("potri");
    each_matrix(count, cube(n), [&](int64_t b) {
      T* out = x + b * n * n;
      Room<T> room(n * n);
      T* by_rows = room.data();
      given.read(b, by_rows);
      for (int64_t i = n; i-- > 0;)
        if (by_rows[i * n + i] == T(0)) failed[b] = static_cast<Int>(i + 1);
      if (failed[b]) {
        std::fill_n(out, n * n, T(0));
        return;
      }
      // The triangle that follows is the lower one by rows, L or, of U, L^H.
      if (upper)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j <= i; ++j) by_rows[i * n + j] = conjugate(by_rows[j * n + i]);
      if (n <= small_matrix) {
        std::fill_n(out, n * n, T(0));
        small_inverse_of_factor(by_rows, n, out);
        std::copy_n(out, n * n, by_rows);
      } else {
        // By columns L by rows is its transpose, U = conj(L^H), and the inverse is that of conj(A).
        Int N = n;
        by_library("U", &N, by_rows, &N, failed + b, one_letter);
      }
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) {
          const T value = by_rows[i * n + j];
          out[j * n + i] = value;  // by columns
          out[i * n + j] = conjugate(value);
        }
    });
    return std::tuple{X, info};
  });
}

std::tuple<TensorRef, TensorRef> triangles(Tensor& LU) {
  return with_matrix_type(LU, [&]<class T>() {
    const int64_t m = rows(LU), n = columns(LU), k = std::min(m, n);
    const Dims batch = batch_of(LU);
    TensorRef L = empty(with(batch, {m, k}), LU.dtype), U = empty(with(batch, {k, n}), LU.dtype);
    T *l = elements<T>(L), *u = elements<T>(U);
    const Matrices<T> given(LU);
    each_matrix(k ? matrices_in(LU) : 0, m * n, [&](int64_t b) {
      Room<T> copy(given.by_rows() ? 0 : m * n);
      const T* lu = given.by_rows() ? given.at(b) : copy.data();
      if (!given.by_rows()) given.read(b, copy.data());
      for (int64_t i = 0; i < m; ++i) {
        T* row = l + (b * m + i) * k;
        const int64_t below = std::min(i, k);
        std::copy_n(lu + i * n, below, row);
        std::fill(row + below, row + k, T(0));
        if (i >= k) continue;
        row[i] = T(1);
        T* upper = u + (b * k + i) * n;
        std::fill_n(upper, i, T(0));
        std::copy(lu + i * n + i, lu + (i + 1) * n, upper + i);
      }
    });
    return std::tuple{L, U};
  });
}

namespace {

/// Each of the k rows of X, b, becomes the x with A x = b.
template <class T>
void substitute(const Triangle& shape, const T* A, T* X, int64_t k) {
  if constexpr (!is_complex_v<T>) return solve_triangle(shape, A, X, k);
  const int64_t n = shape.n;
  for (T* x = X; x < X + k * n; x += n)
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = shape.upper ? n - 1 - step : step;
      const int64_t begin = shape.upper ? i + 1 : 0, end = shape.upper ? n : i;
      const T* line = A + i * n;
      if (!shape.by_columns)
        for (int64_t j = begin; j < end; ++j) x[i] -= product(line[j], x[j]);
      if (!shape.unit)
        x[i] = is_tiny(line[i]) ? x[i] / line[i] : product(x[i], reciprocal(line[i]));
      if (shape.by_columns)
        subtract_row(x, line, T(x[i]), shape.upper ? 0 : i + 1, shape.upper ? i : n);
    }
}

template <class T>
void conjugate_all(T* x, int64_t n) {
  if constexpr (is_complex_v<T>)
    for (int64_t i = 0; i < n; ++i) x[i] = conjugate(x[i]);
}

}  // namespace

TensorRef solve_factored(Tensor& LU, Tensor& pivots, Tensor& B, bool adjoint) {
  return with_matrix_type(LU, [&]<class T>() {
    const int64_t n = rows(LU), k = columns(B), count = n * k > 0 ? matrices_in(LU) : 0;
    TensorRef own = own_pivots("lu_solve", pivots, n);
    const Int* p = elements<Int>(own);
    const Matrices<T> given(LU);
    if (!given.by_rows() && k <= few_right_sides) {  // nothing is turned
      TensorRef X = copy_by_columns<T>(B);
      T* all = elements<T>(X);
      each_matrix(count, n * n * k, [&](int64_t b) {
        const T* lu = given.at(b);
        T* x = all + b * n * k;
        if (adjoint) {  // A^T times the conjugates, by the rows of A^T
          conjugate_all(x, n * k);
          substitute({.n = n, .upper = false, .unit = false}, lu, x, k);
          substitute({.n = n, .upper = true, .unit = true}, lu, x, k);
          exchange_numbers(p + b * n, n, x, k, true);
          conjugate_all(x, n * k);
        } else {
          exchange_numbers(p + b * n, n, x, k, false);
          substitute({.n = n, .upper = false, .unit = true, .by_columns = true}, lu, x, k);
          substitute({.n = n, .upper = true, .unit = false, .by_columns = true}, lu, x, k);
        }
      });
      return X;
    }
    TensorRef X = empty_by_columns(sizes_of(B), B.dtype);
    T* out = elements<T>(X);
    const Matrices<T> right(B);
    each_matrix(count, n * n * k, [&](int64_t b) {
      Room<T> factors(given.by_rows() && !adjoint ? 0 : n * n), room(n * k);
      const T* lu = given.by_rows() && !adjoint ? given.at(b) : factors.data();
      T* x = room.data();
      if (!given.by_rows() || adjoint) given.read(b, factors.data());
      right.read(b, x);
      if (adjoint) {  // the factors' adjoints by rows
        T* f = factors.data();
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j <= i; ++j) {
            const T here = f[i * n + j], there = f[j * n + i];
            f[i * n + j] = conjugate(there);
            f[j * n + i] = conjugate(here);
          }
      } else {
        exchange_rows(p + b * n, n, x, k, k);
      }
      auto solve = [&](bool upper, bool unit) {
        if (n <= small_matrix)
          small_triangular(lu, n, x, k, upper, unit);
        else
          solve_rows({.n = n, .upper = upper, .unit = unit}, lu, n, x, k, k);
      };
      solve(false, !adjoint);
      solve(true, adjoint);
      if (adjoint) exchange_rows(p + b * n, n, x, k, k, true);
      transpose(x, out + b * n * k, n, k);
    });
    return X;
  });
}

namespace {

template <class T>
Routine<T> symmetric_routine(const char* of_symmetric, const char* of_hermitian, bool hermitian) {
  return Routine<T>(hermitian && is_complex_v<T> ? of_hermitian : of_symmetric);
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> ldl_factor(Tensor& A, bool hermitian) {
  return with_matrix_type(A, [&]<class T>() {
    const int64_t n = rows(A), count = n ? matrices_in(A) : 0;
    const Dims batch = batch_of(A);
    TensorRef LD = copy_by_columns<T>(A), pivots = empty(with(batch, {n}), DType::int32),
              info = zeros(batch, DType::int32);
    if (count == 0) return std::tuple{LD, pivots, info};
    T* f = elements<T>(LD);
    Int *p = elements<Int>(pivots), *failed = elements<Int>(info), N = n, query = -1, ignored;
    const Routine<T> factor = symmetric_routine<T>("sytrf", "hetrf", hermitian);
    T size(0);
    factor("L", &N, f, &N, p, &size, &query, &ignored, one_letter);
    Int length = length_of(size);
    each_matrix(count, cube(n), [&](int64_t b) {
      Room<T, 16 * 64> work(length);
      T* own = f + b * n * n;
      for (int64_t j = 1; j < n; ++j) std::fill_n(own + j * n, j, T(0));
      factor("L", &N, own, &N, p + b * n, work.data(), &length, failed + b, one_letter);
    });
    return std::tuple{LD, pivots, info};
  });
}

TensorRef ldl_solve(Tensor& LD, Tensor& pivots, Tensor& B, bool hermitian) {
  return with_matrix_type(LD, [&]<class T>() {
    const int64_t n = rows(LD), k = columns(B), count = n * k > 0 ? matrices_in(LD) : 0;
    TensorRef X = copy_by_columns<T>(B), own = own_pivots("ldl_solve", pivots, n, true);
    if (count == 0) return X;
    const Int* p = elements<Int>(own);
    T* x = elements<T>(X);
    const Matrices<T> given(LD);
    Int N = n, K = k;
    const Routine<T> solve = symmetric_routine<T>("sytrs", "hetrs", hermitian);
    each_matrix(count, n * n * k, [&](int64_t b) {
      Room<T> rows(n * n), factors(n * n);
      given.read(b, rows.data());
      transpose(rows.data(), factors.data(), n, n);
      Int info;
      solve("L", &N, &K, factors.data(), &N, p + b * n, x + b * n * k, &N, &info, one_letter);
    });
    return X;
  });
}

}  // namespace flambeau
