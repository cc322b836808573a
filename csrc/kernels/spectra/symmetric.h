// Real symmetric matrices brought to tridiagonal form. Any thread, no GIL. Large ones are shared
// among threads; results do not depend on how many.
#pragma once
#include <cstdint>

namespace flambeau {

/// The rows and columns of a matrix (n, n) as make_tridiagonal takes it: whole vectors.
template <class T>
constexpr int64_t padded_rows(int64_t n) {
  constexpr int64_t group = 32 / sizeof(T);
  return (n + group - 1) / group * group;
}

/// A (m, m) with m = padded_rows(n), symmetric, by columns, 0 where it is padded, becomes what
/// LAPACK's sytrd leaves in a lower triangle: the vectors of n - 1 reflections below the second
/// diagonal; what stands above is lost. d (n) and e (n - 1) are the diagonals of the form, tau
/// (n - 1) the reflections' factors. Squares and their sums must be finite. T: float, double.
/// Source: Dongarra, Sorensen, Hammarling, "Block reduction of matrices to condensed forms", J.
/// Comput. Appl. Math. 27 (1989) 215.
template <class T>
void make_tridiagonal(int64_t n, T* A, T* d, T* e, T* tau);

}  // namespace flambeau
