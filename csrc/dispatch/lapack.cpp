#include "dispatch/lapack.h"

#include "dispatch/lapack_work.h"

namespace flambeau {

using namespace lapack;

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

Solved solve(Tensor& A, Tensor& B) {
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
      return Solved{X, info, nullptr, nullptr};
    }
    Routine<T> getrf("getrf"), getrs("getrs"), trsm("trsm");
    bool wide = k >= 32, few = has_few_sides<T>(n, k);
    TensorRef X = wide ? copy_by_rows(B) : copy_by_columns<T>(B),
              pivots = empty(with(batch_of(A), {n}), DType::int32);
    T* x = elements<T>(X);
    Int *p = elements<Int>(pivots), N = n, K = k;
    each_matrix(count, n * n * (n + k), [&](int64_t b) {
      T *lu = a + b * n * n, *solution = x + b * n * k;
      Int *own = p + b * n, ignored;
      getrf(&N, &N, lu, &N, own, failed + b);
      if (failed[b] || !k) return;
      // Rows of A are columns of A^T to LAPACK: it solves with the transpose of what it factored.
      if (wide) {
        solve_by_blocks(trsm, lu, own, n, solution, k);
      } else if (few) {
        if constexpr (!is_complex_v<T>) {
          solve_triangle({.n = n, .upper = false, .unit = false, .by_columns = false}, lu, solution,
                         k);
          solve_triangle({.n = n, .upper = true, .unit = true, .by_columns = false}, lu, solution,
                         k);
        }
        exchange_rows(own, n, solution, k, true);
      } else {
        getrs("T", &N, &K, lu, &N, own, solution, &N, &ignored, one_letter);
      }
    });
    return Solved{X, info, LU, pivots};
  });
}

TensorRef solve_transposed(Tensor& LU, Tensor& pivots, Tensor& B) {
  return with_matrix_type(LU, [&]<class T>() {
    int64_t n = rows(LU), k = columns(B), count = matrices_in(LU);
    TensorRef factors = contiguous(LU), places = contiguous(pivots), X = copy_by_columns<T>(B);
    if (X->numel == 0) return X;
    Routine<T> getrs("getrs");
    const T* a = elements<T>(factors);
    const Int* p = elements<Int>(places);
    T* x = elements<T>(X);
    check(std::all_of(p, p + count * n, [n](Int i) { return i >= 1 && i <= n; }),
          [&] { return message("solve: a pivot is no row of matrices of ", n, "."); });
    Int N = n, K = k;
    each_matrix(count, n * n * k, [&](int64_t b) {
      const T* lu = a + b * n * n;
      T* solution = x + b * n * k;
      Int ignored;
      if (has_few_sides<T>(n, k)) {
        exchange_rows(p + b * n, n, solution, k, false);
        if constexpr (!is_complex_v<T>) {
          solve_triangle({.n = n, .upper = false, .unit = true, .by_columns = true}, lu, solution,
                         k);
          solve_triangle({.n = n, .upper = true, .unit = false, .by_columns = true}, lu, solution,
                         k);
        }
      } else {
        getrs("N", &N, &K, lu, &N, p + b * n, solution, &N, &ignored, one_letter);
      }
    });
    return X;
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
    bool few = has_few_sides<T>(n, k);
    TensorRef X = few ? copy_by_columns<T>(B) : copy_by_rows(B);
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
    if constexpr (!is_complex_v<T>)
      if (few) {
        each_matrix(count, n * n * k, [&](int64_t b) {
          solve_triangle({.n = n, .upper = upper, .unit = unit, .by_columns = by_columns},
                         a + b * n * n, x + b * n * k, k);
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

}  // namespace flambeau
