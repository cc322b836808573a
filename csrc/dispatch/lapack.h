// Factorizations and solutions of stacks of matrices, by LAPACK or, for small ones, by our own
// loops. Inputs are floating or complex tensors (*B, m, n) of any layout and stay as they are;
// nothing is recorded. Results lie by columns, as LAPACK has them, unless `by_rows`. `info` is
// int32 (*B), LAPACK's: 0 where all went well. Need the GIL, which long work gives up; the matrices
// of a stack are shared out to the threads.
#pragma once
#include <tuple>

#include "tensor/tensor.h"

namespace flambeau {

/// L below and U on and above the diagonal, row swaps counted from 1 (*B, min(m, n)), info.
std::tuple<TensorRef, TensorRef, TensorRef> lu_factor(Tensor& A);
/// X with A X = B for (*B, n, n) and (*B, n, k) of one batch shape, info, and for matrices that are
/// not small what solve_transposed takes: LU by rows, and its row swaps.
using Solved = std::tuple<TensorRef, TensorRef, TensorRef, TensorRef>;
Solved solve(Tensor& A, Tensor& B);
/// X with A^T X = B.
TensorRef solve_transposed(Tensor& LU, Tensor& pivots, Tensor& B);
/// The inverse, and info.
std::tuple<TensorRef, TensorRef> inverse(Tensor& A);
/// The lower triangular L with A = L L^H, from the lower triangle of A; zeros above it; and info.
std::tuple<TensorRef, TensorRef> cholesky(Tensor& A, bool by_rows);
/// The inverse of A = L L^H, or of U^H U, from that triangle; info is the place of a zero on its
/// diagonal, counted from 1.
std::tuple<TensorRef, TensorRef> inverse_of_factor(Tensor& factor, bool upper);
/// X with A X = B, from one triangle of A.
TensorRef solve_triangular(Tensor& A, Tensor& B, bool upper, bool unit, bool by_rows);
/// sign(det A) and log(abs(det A)): (*B).
std::tuple<TensorRef, TensorRef> sign_and_log_det(Tensor& A);
/// det A: (*B).
TensorRef determinant(Tensor& A);
/// Q (*B, m, k) and R (*B, k, n): k = min(m, n), or m if complete.
std::tuple<TensorRef, TensorRef> qr(Tensor& A, bool complete);
/// Eigenvalues ascending, eigenvectors (none unless vectors), info; from one triangle of A.
std::tuple<TensorRef, TensorRef, TensorRef> eigh(Tensor& A, bool upper, bool vectors);
/// Complex eigenvalues, eigenvectors of norm 1 (null unless vectors), info: -1 for a matrix that is
/// not finite, whose values are NaN.
std::tuple<TensorRef, TensorRef, TensorRef> eig(Tensor& A, bool vectors);
/// U, S, Vh (of all columns if full; without vectors U and Vh are null), info.
std::tuple<TensorRef, TensorRef, TensorRef, TensorRef> svd(Tensor& A, bool full, bool vectors);

/// X with the least norm(A X - B), of least norm itself, by a QR decomposition with column
/// exchanges; and the rank of A, whose singular values under rcond times the largest count as 0.
std::tuple<TensorRef, TensorRef> least_squares(Tensor& A, Tensor& B, double rcond);

/// R on and above the diagonal, the vectors of reflections below it, and their factors (*B, k).
std::tuple<TensorRef, TensorRef> reflections(Tensor& A);
/// The first columns, as many as A has, of the product of the reflections that A and taus (*B, k)
/// hold.
TensorRef product_of_reflections(Tensor& A, Tensor& taus);
/// The product of the reflections, or its adjoint, times B (*B, m, c).
TensorRef times_reflections(Tensor& A, Tensor& taus, Tensor& B, bool adjoint);

/// The matrix (*B, m, m) that takes back the row swaps (*B, k), counted from 1: A = P L U.
TensorRef permutation(Tensor& pivots, int64_t m, DType dtype);
/// L, with its ones, and U from one matrix; by rows.
std::tuple<TensorRef, TensorRef> triangles(Tensor& LU);
/// X with A X = B, or A^H X = B, by what lu_factor gives of A.
TensorRef solve_factored(Tensor& LU, Tensor& pivots, Tensor& B, bool adjoint);

/// L and block-diagonal D in one matrix, LAPACK's pivots and info, from the lower triangle of A.
std::tuple<TensorRef, TensorRef, TensorRef> ldl_factor(Tensor& A, bool hermitian);
TensorRef ldl_solve(Tensor& LD, Tensor& pivots, Tensor& B, bool hermitian);

}  // namespace flambeau
