// Factorizations, Fourier transforms and functions of numbers without history: what
// flambeau/ops/linalg, fourier.py and counts.py declare derivatives for.
#include "dispatch/raw/numbers.h"
#include "dispatch/lapack.h"
#include "python/bind.h"

namespace flambeau {

namespace {

/// Matrices: what a hook of saved tensors puts in their place comes here unchecked.
Tensor& matrices(const char* op, Tensor& A, bool square = false) {
  check(A.ndim >= 2 && (is_floating(A.dtype) || is_complex(A.dtype)) && itemsize(A.dtype) >= 4 &&
            (!square || A.sizes[A.ndim - 1] == A.sizes[A.ndim - 2]),
        [&] {
          return message(op, ": takes ", square ? "square " : "",
                         "matrices of floating or complex numbers, not ", describe(A), ".");
        });
  return A;
}
Tensor& square_matrices(const char* op, Tensor& A) { return matrices(op, A, true); }

/// The right sides of systems whose matrices are A.
Tensor& right_sides(const char* op, const Tensor& A, Tensor& B) {
  bool fits = B.dtype == A.dtype && B.ndim == A.ndim;
  for (int d = 0; fits && d < A.ndim - 1; ++d) fits = B.sizes[d] == A.sizes[d];
  check(fits, [&] {
    return message(op, ": right sides ", describe(B), " do not fit matrices ", describe(A), ".");
  });
  return B;
}

/// fn of square matrices alone.
template <auto fn>
auto of_square(Called op, Tensor& A) {
  return fn(square_matrices(op, A));
}

auto solve_systems(Called op, Tensor& A, Tensor& B) {
  return solve(square_matrices(op, A), right_sides(op, A, B));
}
TensorRef solve_again(Called op, Tensor& LU, Tensor& pivots, Tensor& B) {
  bool fits = pivots.dtype == DType::int32 && pivots.ndim == LU.ndim - 1;
  for (int d = 0; fits && d < pivots.ndim; ++d) fits = pivots.sizes[d] == LU.sizes[d];
  check(fits, [&] {
    return message(op, ": pivots ", describe(pivots), " do not fit matrices ", describe(LU), ".");
  });
  return solve_transposed(square_matrices(op, LU), pivots, right_sides(op, LU, B));
}
auto solve_triangles(Called op, Tensor& A, Tensor& B, bool upper, bool unitriangular) {
  return solve_triangular(square_matrices(op, A), right_sides(op, A, B), upper, unitriangular);
}
auto solve_least_squares(Called op, Tensor& A, Tensor& B, double rcond) {
  return least_squares(matrices(op, A), right_sides(op, A, B), rcond);
}

const NativeEntry entries[] = {
    bind<[](Called op, Tensor& A) { return lu_factor(matrices(op, A)); }>(
        "_lu", "A", "(LU, pivots, info) of matrices."),
    bind<solve_systems>("_solve", "A, B",
                        "(X, info, LU, pivots) with A X = B; small matrices leave no LU."),
    bind<solve_again>("_solve_transposed", "LU, pivots, B", "X with A^T X = B, after _solve."),
    bind<of_square<inverse>>("_inverse", "A"),
    bind<of_square<cholesky>>("_cholesky", "A"),
    bind<solve_triangles>("_solve_triangular", "A, B, upper, unitriangular",
                          "X with A X = B, from one triangle of A."),
    bind<of_square<determinant>>("_det", "A"),
    bind<of_square<sign_and_log_det>>("_slogdet", "A"),
    bind<[](Called op, Tensor& A, bool complete) { return qr(matrices(op, A), complete); }>(
        "_qr", "A, complete=False", "(Q, R)."),
    bind<[](Called op, Tensor& A, bool upper, bool vectors) {
      return eigh(square_matrices(op, A), upper, vectors);
    }>("_eigh", "A, upper, vectors=True",
       "(eigenvalues, eigenvectors, info) of Hermitian matrices."),
    bind<[](Called op, Tensor& A, bool vectors) { return eig(square_matrices(op, A), vectors); }>(
        "_eig", "A, vectors", "(eigenvalues, eigenvectors or None, info) of square matrices."),
    bind<[](Called op, Tensor& A, bool full, bool vectors) {
      return svd(matrices(op, A), full, vectors);
    }>("_svd", "A, full, vectors=True", "(U, S, Vh, info)."),
    bind<solve_least_squares>("_least_squares", "A, B, rcond",
                              "(X, rank) with the least norm of A X - B."),

    bind<raw::fourier>("_fourier", "input, dims, scale, inverse"),
    bind<raw::fourier_real>("_fourier_real", "input, dim, scale, inverse"),
    bind<raw::fourier_to_real>("_fourier_to_real", "input, dim, size, scale, inverse"),

    bind<raw::cross>("_cross", "input, other, dim"),
    bind<raw::gcd>("_gcd", "input, other"),
    bind<raw::lcm>("_lcm", "input, other", "The least common multiples."),
    bind<raw::incomplete_gamma>("_incomplete_gamma", "a, x, upper"),
    bind<raw::poisson>("_poisson", "rate, seed, call"),
    bind<raw::binomial>("_binomial", "count, prob, seed, call",
                        "Numbers of binomial distributions."),
    bind<raw::random_order>("_random_order", "out, seed, call"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
