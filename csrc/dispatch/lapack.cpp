#include "dispatch/lapack.h"

#include <cmath>

#include "dispatch/lapack_work.h"
#include "kernels/gemm/cholesky.h"
#include "kernels/gemm/lu.h"
#include "kernels/gemm/triangular.h"

namespace flambeau {

using namespace lapack;

std::tuple<TensorRef, TensorRef, TensorRef> lu_factor(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t m = rows(A), n = columns(A), k = std::min(m, n);
    Dims batch = batch_of(A);
    TensorRef pivots = empty(with(batch, {k}), DType::int32), info = zeros(batch, DType::int32);
    int64_t count = k ? matrices_in(A) : 0;
    Int* p = elements<Int>(pivots);
    Int* failed = elements<Int>(info);
    if (std::max(m, n) <= small_matrix) {
      TensorRef LU = empty_by_columns(sizes_of(A), A.dtype);
      const Matrices<T> given(A);
      T* out = elements<T>(LU);
      each_matrix(count, m * n * k, [&](int64_t b) {
        Room<T> lu(m * n);
        given.read(b, lu.data());
        failed[b] = small_lu(lu.data(), m, n, p + b * k);
        transpose(lu.data(), out + b * m * n, m, n);
      });
      return std::tuple{LU, pivots, info};
    }
    TensorRef rows = copy_by_rows(A);
    T* lu = elements<T>(rows);
    each_matrix(count, m * n * k,
                [&](int64_t b) { failed[b] = factor_lu(m, n, lu + b * m * n, p + b * k); });
    return std::tuple{copy_by_columns<T>(*rows), pivots, info};
  });
}

Solved solve(Tensor& A, Tensor& B) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), k = columns(B), count = matrices_in(A);
    TensorRef info = zeros(batch_of(A), DType::int32);
    Int* failed = elements<Int>(info);
    if (n <= small_matrix) {
      TensorRef X = empty_by_columns(sizes_of(B), A.dtype);
      const Matrices<T> given(A), right(B);
      T* out = elements<T>(X);
      each_matrix(count, n * n * (n + k), [&](int64_t b) {
        Int pivots[small_matrix];
        Room<T> lu(n * n), x(n * k);
        given.read(b, lu.data());
        right.read(b, x.data());
        failed[b] = small_lu(lu.data(), n, n, pivots, x.data(), k);
        small_triangular(lu.data(), n, x.data(), k, false, true);
        small_triangular(lu.data(), n, x.data(), k, true, false);
        transpose(x.data(), out + b * n * k, n, k);
      });
      return Solved{X, info, nullptr, nullptr};
    }
    TensorRef LU = copy_by_rows(A);
    T* a = elements<T>(LU);
    const bool few = has_few_sides<T>(n, k);
    TensorRef X = few ? copy_by_columns<T>(B) : copy_by_rows(B),
              pivots = empty(with(batch_of(A), {n}), DType::int32);
    T* x = elements<T>(X);
    Int* p = elements<Int>(pivots);
    each_matrix(count, n * n * (n + k), [&](int64_t b) {
      T *lu = a + b * n * n, *solution = x + b * n * k;
      Int* own = p + b * n;
      failed[b] = factor_lu(n, n, lu, own);
      if (failed[b] || !k) return;
      if (few) {
        exchange_numbers(own, n, solution, k, false);
        solve_few<T>({.n = n, .upper = false, .unit = true}, lu, solution, k);
        solve_few<T>({.n = n, .upper = true, .unit = false}, lu, solution, k);
      } else {
        exchange_rows(own, n, solution, k, k);
        solve_rows({.n = n, .upper = false, .unit = true}, lu, n, solution, k, k);
        solve_rows({.n = n, .upper = true, .unit = false}, lu, n, solution, k, k);
      }
    });
    return Solved{few ? X : copy_by_columns<T>(*X), info, LU, pivots};
  });
}

TensorRef solve_transposed(Tensor& LU, Tensor& pivots, Tensor& B) {
  return with_matrix_type(LU, [&]<class T>() {
    int64_t n = rows(LU), k = columns(B), count = matrices_in(LU);
    const bool few = has_few_sides<T>(n, k);
    TensorRef places = contiguous(*clone(pivots)),
              X = few ? copy_by_columns<T>(B) : copy_by_rows(B);
    if (X->numel == 0) return X;
    TensorRef turned = few ? nullptr : transpose(LU, -1, -2);
    TensorRef factors = few ? contiguous(LU) : contiguous(*turned);
    const T* a = elements<T>(factors);
    const Int* p = elements<Int>(places);
    T* x = elements<T>(X);
    check(std::all_of(p, p + count * n, [n](Int i) { return i >= 1 && i <= n; }),
          [&] { return message("solve: a pivot is no row of matrices of ", n, "."); });
    each_matrix(count, n * n * k, [&](int64_t b) {
      const T* lu = a + b * n * n;
      T* solution = x + b * n * k;
      if (few) {
        solve_few<T>({.n = n, .upper = false, .unit = false, .by_columns = true}, lu, solution, k);
        solve_few<T>({.n = n, .upper = true, .unit = true, .by_columns = true}, lu, solution, k);
        exchange_numbers(p + b * n, n, solution, k, true);
      } else {
        solve_rows({.n = n, .upper = false, .unit = false}, lu, n, solution, k, k);
        solve_rows({.n = n, .upper = true, .unit = true}, lu, n, solution, k, k);
        exchange_rows(p + b * n, n, solution, k, k, true);
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
    TensorRef X = empty_by_columns(sizes_of(A), A.dtype);
    T* out = elements<T>(X);
    auto set_identity = [n](T* x) {
      std::fill_n(x, n * n, T(0));
      for (int64_t i = 0; i < n; ++i) x[i * (n + 1)] = T(1);
    };
    const Matrices<T> given(A);
    if (n <= small_matrix) {
      each_matrix(count, 2 * cube(n), [&](int64_t b) {
        Int pivots[small_matrix];
        Room<T> lu(n * n), x(n * n);
        given.read(b, lu.data());
        set_identity(x.data());
        failed[b] = small_lu(lu.data(), n, n, pivots, x.data(), n);
        small_triangular(lu.data(), n, x.data(), n, false, true);
        small_triangular(lu.data(), n, x.data(), n, true, false);
        transpose(x.data(), out + b * n * n, n, n);
      });
      return std::tuple{X, info};
    }
    each_matrix(count, 2 * cube(n), [&](int64_t b) {
      std::vector<Int> pivots(n);
      Room<T> lu(n * n), solution(n * n);
      T* x = solution.data();
      given.read(b, lu.data());
      failed[b] = factor_lu(n, n, lu.data(), pivots.data());
      set_identity(x);
      if (!failed[b]) {
        solve_lower_rows({.n = n, .upper = false, .unit = true}, lu.data(), n, x, n);
        solve_rows({.n = n, .upper = true, .unit = false}, lu.data(), n, x, n, n);
      }
      exchange_columns(pivots.data(), n, x, out + b * n * n);
    });
    return std::tuple{X, info};
  });
}

namespace {

/// A minor that fails up to here is looked for once more, number by number, for what is left of it.
constexpr int32_t early_minor = 128;

}  // namespace

std::tuple<TensorRef, TensorRef> cholesky(Tensor& A, bool by_rows) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), count = matrices_in(A);
    TensorRef info = zeros(batch_of(A), DType::int32);
    Int* failed = elements<Int>(info);
    auto clear_above = [n](T* matrix) {
      for (int64_t i = 0; i < n; ++i) std::fill(matrix + i * n + i + 1, matrix + (i + 1) * n, T(0));
    };
    if (n <= small_matrix) {
      TensorRef L = by_rows ? empty(sizes_of(A), A.dtype) : empty_by_columns(sizes_of(A), A.dtype);
      const Matrices<T> given(A);
      T* out = elements<T>(L);
      each_matrix(count, cube(n) / 3, [&](int64_t b) {
        Room<T> l(n * n), column(n);
        T *own = out + b * n * n, *factor = by_rows ? own : l.data();
        given.read(b, factor);
        if (!small_cholesky(factor, n, column.data())) {
          given.read(b, factor);
          failed[b] = small_cholesky(factor, n);
        }
        clear_above(factor);
        if (!by_rows) transpose(factor, own, n, n);
      });
      return std::tuple{L, info};
    }
    // Real factors are made with their transposes above: cleared below, by rows, that is L by
    // columns.
    const bool turned = !by_rows && !is_complex_v<T>;
    TensorRef L = turned ? empty_by_columns(sizes_of(A), A.dtype) : empty(sizes_of(A), A.dtype);
    copy_bytes(turned ? *transpose(*L, -1, -2) : *L, A);
    T* l = elements<T>(L);
    Int N = n;
    // A = U^T U by columns is A = L L^T by rows; for complex numbers so is its conjugate.
    auto by_library = [&](T* matrix, int64_t b) {
      Routine<T>("potrf")("U", &N, matrix, &N, failed + b, one_letter);
      // OpenBLAS takes a pivot that is NaN for a positive one.
      const int64_t taken = failed[b] > 0 ? failed[b] - 1 : n;
      for (int64_t i = taken; i-- > 0;)
        if (std::isnan(std::abs(matrix[i * n + i]))) failed[b] = static_cast<Int>(i + 1);
      clear_above(matrix);
    };
    if constexpr (is_complex_v<T>) {
      each_matrix(count, cube(n) / 3, [&](int64_t b) { by_library(l + b * n * n, b); });
    } else {
      each_matrix(count, cube(n) / 3, [&](int64_t b) {
        T* matrix = l + b * n * n;
        if (!factor_cholesky(n, matrix))
          failed[b] = 1;
        else if (by_rows)
          clear_above(matrix);
        else
          for (int64_t i = 1; i < n; ++i) std::fill_n(matrix + i * n, i, T(0));
      });
      // Where it fails, those say at which minor, and leave what is known.
      TensorRef again;
      for (int64_t b = 0; b < count; ++b) {
        if (!failed[b]) continue;
        if (!again) again = copy_by_rows(A);
        T *from = again->as<T>() + b * n * n, *to = l + b * n * n;
        std::copy_n(from, n * n, to);
        by_library(to, b);
        if (failed[b] > 0 && failed[b] <= early_minor) {
          std::copy_n(from, n * n, to);
          failed[b] = small_cholesky(to, n);
          clear_above(to);
        }
        if (by_rows) continue;
        std::copy_n(to, n * n, from);
        transpose(from, to, n, n);
      }
    }
    return std::tuple{by_rows || turned ? L : copy_by_columns<T>(*L), info};
  });
}

TensorRef solve_triangular(Tensor& A, Tensor& B, bool upper, bool unit, bool by_rows) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t n = rows(A), k = columns(B), count = matrices_in(A);
    if (has_few_sides<T>(n, k)) {
      TensorRef X = copy_by_columns<T>(B);
      if (X->numel == 0) return X;
      T* x = elements<T>(X);
      TensorRef turned = A.contiguous ? nullptr : transpose(A, -1, -2);
      const bool by_columns = turned && turned->contiguous;
      TensorRef matrix = by_columns ? turned : contiguous(A);
      const T* a = elements<T>(matrix);
      each_matrix(count, n * n * k, [&](int64_t b) {
        solve_few<T>({.n = n, .upper = upper, .unit = unit, .by_columns = by_columns},
                     a + b * n * n, x + b * n * k, k);
      });
      return by_rows ? copy_by_rows(*X) : X;
    }
    TensorRef X = by_rows ? empty(sizes_of(B), B.dtype) : empty_by_columns(sizes_of(B), B.dtype);
    if (X->numel == 0) return X;
    T* out = elements<T>(X);
    const Matrices<T> given(A), right(B);
    each_matrix(count, n * n * k, [&](int64_t b) {
      Room<T> copy(given.by_rows() ? 0 : n * n), solution(by_rows ? 0 : n * k);
      T *own = out + b * n * k, *x = by_rows ? own : solution.data();
      const T* triangle = given.by_rows() ? given.at(b) : copy.data();
      if (!given.by_rows()) given.read(b, copy.data());
      right.read(b, x);
      if (n <= small_matrix)
        small_triangular(triangle, n, x, k, upper, unit);
      else
        solve_rows({.n = n, .upper = upper, .unit = unit}, triangle, n, x, k, k);
      if (!by_rows) transpose(x, own, n, k);
    });
    return X;
  });
}

namespace {

/// fn(b, lu, negative): what the LU of each matrix says of its determinant; false where that is 0
/// or not finite. Such real matrices by rows are taken again for their transposes, as PyTorch takes
/// all: so the same sums are infinite, NaN or 0.
template <class T, class F>
void each_lu(Tensor& A, F&& fn) {
  int64_t n = rows(A), count = matrices_in(A);
  const Matrices<T> given(A);
  auto factor = [&](int64_t b, T* lu) {
    auto with_pivots = [&](const Int* pivots) {
      bool negative = false;
      for (int64_t i = 0; i < n; ++i) negative ^= pivots[i] != i + 1;
      return fn(b, lu, negative);
    };
    if (n <= small_matrix) {
      Int pivots[small_matrix];
      small_lu(lu, n, n, pivots);
      return with_pivots(pivots);
    }
    std::vector<Int> pivots(n);
    factor_lu(n, n, lu, pivots.data());
    return with_pivots(pivots.data());
  };
  each_matrix(count, cube(n), [&](int64_t b) {
    Room<T> lu(n * n);
    given.read(b, lu.data());
    if (factor(b, lu.data()) || !A.contiguous || is_complex_v<T>) return;
    transpose(A.as<T>() + b * n * n, lu.data(), n, n);
    factor(b, lu.data());
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
      return std::isfinite(sum);
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
      if (const auto size = std::abs(product); size > 0 && std::isfinite(size)) return true;
      bool sound = true;  // then the product alone leaves the range
      for (int64_t i = 0; i < n; ++i)
        sound &= lu[i * (n + 1)] != T(0) && std::isfinite(std::abs(lu[i * (n + 1)]));
      return sound;
    });
    return out;
  });
}

}  // namespace flambeau
