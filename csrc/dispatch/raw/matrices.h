// Factorizations and solutions (dispatch/lapack.h) of matrices that are looked at first: what a
// hook of saved tensors puts in their place comes here unchecked. Need the GIL.
#pragma once
#include "dispatch/lapack.h"
#include "tensor/called.h"
#include "tensor/declared.h"

namespace flambeau::raw {

using Two = std::tuple<TensorRef, TensorRef>;
using Three = std::tuple<TensorRef, TensorRef, TensorRef>;

Three lu_factor(Called op, Tensor& A);
Two inverse(Called op, Tensor& A);
Two cholesky(Called op, Tensor& A, bool by_rows);
Two inverse_of_factor(Called op, Tensor& factor, bool upper);
TensorRef determinant(Called op, Tensor& A);
Two sign_and_log_det(Called op, Tensor& A);
Two qr(Called op, Tensor& A, bool complete);
Three eigh(Called op, Tensor& A, bool upper, bool vectors);
Three eig(Called op, Tensor& A, bool vectors);
Solved svd(Called op, Tensor& A, bool full, bool vectors);
Solved solve(Called op, Tensor& A, Tensor& B);
TensorRef solve_transposed(Called op, Tensor& LU, Tensor& pivots, Tensor& B);
TensorRef solve_triangular(Called op, Tensor& A, Tensor& B, bool upper, bool unitriangular,
                           bool by_rows);
Two least_squares(Called op, Tensor& A, Tensor& B, double rcond);
Two reflections(Called op, Tensor& A);
TensorRef product_of_reflections(Called op, Tensor& A, Tensor& taus);
TensorRef times_reflections(Called op, Tensor& A, Tensor& taus, Tensor& B, bool adjoint);
TensorRef permutation(Called op, Tensor& pivots, int64_t m, DType dtype);
Two triangles(Called op, Tensor& LU);
TensorRef solve_factored(Called op, Tensor& LU, Tensor& pivots, Tensor& B, bool adjoint);
Three ldl_factor(Called op, Tensor& A, bool hermitian);
TensorRef ldl_solve(Called op, Tensor& LD, Tensor& pivots, Tensor& B, bool hermitian);

inline constexpr std::tuple matrix_functions{
    declare<lu_factor>("_lu", "A"),
    declare<solve>("_solve", "A, B"),
    declare<solve_transposed>("_solve_transposed", "LU, pivots, B"),
    declare<inverse>("_inverse", "A"),
    declare<cholesky>("_cholesky", "A, by_rows=False"),
    declare<inverse_of_factor>("_inverse_of_factor", "factor, upper"),
    declare<solve_triangular>("_solve_triangular", "A, B, upper, unitriangular, by_rows=False"),
    declare<determinant>("_det", "A"),
    declare<sign_and_log_det>("_slogdet", "A"),
    declare<qr>("_qr", "A, complete=False"),
    declare<eigh>("_eigh", "A, upper, vectors=True"),
    declare<eig>("_eig", "A, vectors"),
    declare<svd>("_svd", "A, full, vectors=True"),
    declare<least_squares>("_least_squares", "A, B, rcond"),
    declare<reflections>("_reflections", "A"),
    declare<product_of_reflections>("_product_of_reflections", "A, taus"),
    declare<times_reflections>("_times_reflections", "A, taus, B, adjoint"),
    declare<permutation>("_permutation", "pivots, m, dtype"),
    declare<triangles>("_triangles", "LU"),
    declare<solve_factored>("_solve_factored", "LU, pivots, B, adjoint"),
    declare<ldl_factor>("_ldl_factor", "A, hermitian"),
    declare<ldl_solve>("_ldl_solve", "LD, pivots, B, hermitian")};

}  // namespace flambeau::raw
