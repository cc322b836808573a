#include "dispatch/raw/matrices.h"

namespace flambeau::raw {

namespace {

Tensor& matrices(const char* op, Tensor& A, bool square = false) {
  check(A.ndim >= 2 && (is_floating(A.dtype) || is_complex(A.dtype)) && itemsize(A.dtype) >= 4 &&
            (!square || A.sizes[A.ndim - 1] == A.sizes[A.ndim - 2]),
        [&] {
          return message(op, ": takes ", square ? "square " : "",
                         "matrices of floating or complex numbers, not ", describe(A), ".");
        });
  return A;
}
Tensor& square(const char* op, Tensor& A) { return matrices(op, A, true); }

/// The right sides of systems whose matrices are A.
Tensor& right_sides(const char* op, const Tensor& A, Tensor& B) {
  bool fits = B.dtype == A.dtype && B.ndim == A.ndim;
  for (int d = 0; fits && d < A.ndim - 1; ++d) fits = B.sizes[d] == A.sizes[d];
  check(fits, [&] {
    return message(op, ": right sides ", describe(B), " do not fit matrices ", describe(A), ".");
  });
  return B;
}

/// Pivots (*B, count) of matrices (*B, n, n), or the factors of their reflections.
Tensor& beside(const char* op, const Tensor& A, Tensor& given, DType dtype, int64_t most) {
  bool fits = given.dtype == dtype && given.ndim == A.ndim - 1 && given.ndim > 0;
  for (int d = 0; fits && d < given.ndim - 1; ++d) fits = given.sizes[d] == A.sizes[d];
  check(fits && given.sizes[given.ndim - 1] <= most, [&] {
    return message(op, ": ", describe(given), " does not fit matrices ", describe(A), ".");
  });
  return given;
}
Tensor& pivots_of(const char* op, const Tensor& A, Tensor& pivots) {
  const int64_t n = A.ndim >= 2 ? A.sizes[A.ndim - 1] : 0;
  beside(op, A, pivots, DType::int32, n);
  check(pivots.sizes[pivots.ndim - 1] == n, [&] {
    return message(op, ": pivots ", describe(pivots), " do not fit ", describe(A), ".");
  });
  return pivots;
}
Tensor& taus_of(const char* op, const Tensor& A, Tensor& taus) {
  const bool is_matrix = A.ndim >= 2;
  return beside(op, A, taus, A.dtype,
                is_matrix ? std::min(A.sizes[A.ndim - 1], A.sizes[A.ndim - 2]) : 0);
}

}  // namespace

Three lu_factor(Called op, Tensor& A) { return flambeau::lu_factor(matrices(op, A)); }
Two inverse(Called op, Tensor& A) { return flambeau::inverse(square(op, A)); }
Two cholesky(Called op, Tensor& A, bool by_rows) {
  return flambeau::cholesky(square(op, A), by_rows);
}
Two inverse_of_factor(Called op, Tensor& factor, bool upper) {
  return flambeau::inverse_of_factor(square(op, factor), upper);
}
TensorRef determinant(Called op, Tensor& A) { return flambeau::determinant(square(op, A)); }
Two sign_and_log_det(Called op, Tensor& A) { return flambeau::sign_and_log_det(square(op, A)); }
Two qr(Called op, Tensor& A, bool complete) { return flambeau::qr(matrices(op, A), complete); }
Three eigh(Called op, Tensor& A, bool upper, bool vectors) {
  return flambeau::eigh(square(op, A), upper, vectors);
}
Three eig(Called op, Tensor& A, bool vectors) { return flambeau::eig(square(op, A), vectors); }
Solved svd(Called op, Tensor& A, bool full, bool vectors) {
  return flambeau::svd(matrices(op, A), full, vectors);
}
Solved solve(Called op, Tensor& A, Tensor& B) {
  return flambeau::solve(square(op, A), right_sides(op, A, B));
}
TensorRef solve_transposed(Called op, Tensor& LU, Tensor& pivots, Tensor& B) {
  bool fits = pivots.dtype == DType::int32 && pivots.ndim == LU.ndim - 1;
  for (int d = 0; fits && d < pivots.ndim; ++d) fits = pivots.sizes[d] == LU.sizes[d];
  check(fits, [&] {
    return message(op, ": pivots ", describe(pivots), " do not fit matrices ", describe(LU), ".");
  });
  return flambeau::solve_transposed(square(op, LU), pivots, right_sides(op, LU, B));
}
TensorRef solve_triangular(Called op, Tensor& A, Tensor& B, bool upper, bool unitriangular,
                           bool by_rows) {
  return flambeau::solve_triangular(square(op, A), right_sides(op, A, B), upper, unitriangular,
                                    by_rows);
}
Two least_squares(Called op, Tensor& A, Tensor& B, double rcond) {
  return flambeau::least_squares(matrices(op, A), right_sides(op, A, B), rcond);
}

Two reflections(Called op, Tensor& A) { return flambeau::reflections(matrices(op, A)); }
TensorRef product_of_reflections(Called op, Tensor& A, Tensor& taus) {
  matrices(op, A);
  check(A.sizes[A.ndim - 2] >= A.sizes[A.ndim - 1],
        [&] { return message(op, ": ", describe(A), " has more columns than rows."); });
  return flambeau::product_of_reflections(A, taus_of(op, A, taus));
}
TensorRef times_reflections(Called op, Tensor& A, Tensor& taus, Tensor& B, bool adjoint) {
  matrices(op, A);
  return flambeau::times_reflections(A, taus_of(op, A, taus), right_sides(op, A, B), adjoint);
}
TensorRef permutation(Called op, Tensor& pivots, int64_t m, DType dtype) {
  check(pivots.dtype == DType::int32 && pivots.ndim > 0 && pivots.sizes[pivots.ndim - 1] <= m &&
            (is_floating(dtype) || is_complex(dtype)) && itemsize(dtype) >= 4,
        [&] { return message(op, ": pivots ", describe(pivots), " do not fit ", m, " rows."); });
  return flambeau::permutation(pivots, m, dtype);
}
Two triangles(Called op, Tensor& LU) { return flambeau::triangles(matrices(op, LU)); }
TensorRef solve_factored(Called op, Tensor& LU, Tensor& pivots, Tensor& B, bool adjoint) {
  square(op, LU);
  return flambeau::solve_factored(LU, pivots_of(op, LU, pivots), right_sides(op, LU, B), adjoint);
}
Three ldl_factor(Called op, Tensor& A, bool hermitian) {
  return flambeau::ldl_factor(square(op, A), hermitian);
}
TensorRef ldl_solve(Called op, Tensor& LD, Tensor& pivots, Tensor& B, bool hermitian) {
  square(op, LD);
  return flambeau::ldl_solve(LD, pivots_of(op, LD, pivots), right_sides(op, LD, B), hermitian);
}

}  // namespace flambeau::raw
