// Real symmetric matrices brought to tridiagonal form. Any thread, no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// Up to this size the matrix stays in a cache, and one pass over it for each column is quickest.
inline constexpr int64_t most_by_columns = 512;

/// A (n, n), of which the lower triangle counts, by columns, becomes what LAPACK's sytrd leaves
/// there: the vectors of n - 1 reflections below the second diagonal. d (n) and e (n - 1) are the
/// diagonals of the form, tau (n - 1) the reflections' factors. Squares and their sums must be
/// finite. T: float, double.
template <class T>
void make_tridiagonal(int64_t n, T* A, T* d, T* e, T* tau);

}  // namespace flambeau
