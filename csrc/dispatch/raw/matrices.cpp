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

}  // namespace

Three lu_factor(Called op, Tensor& A) { return flambeau::lu_factor(matrices(op, A)); }
Two inverse(Called op, Tensor& A) { return flambeau::inverse(square(op, A)); }
Two cholesky(Called op, Tensor& A) { return flambeau::cholesky(square(op, A)); }
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
TensorRef solve_triangular(Called op, Tensor& A, Tensor& B, bool upper, bool unitriangular) {
  return flambeau::solve_triangular(square(op, A), right_sides(op, A, B), upper, unitriangular);
}
Two least_squares(Called op, Tensor& A, Tensor& B, double rcond) {
  return flambeau::least_squares(matrices(op, A), right_sides(op, A, B), rcond);
}

}  // namespace flambeau::raw
