// LU factorization with exchanges of rows, by halves, so that most of the work is products. Any
// thread, no GIL. Columns are shared among threads; results do not depend on how many.
#pragma once
#include <cstdint>

namespace flambeau {

/// A (m, n) by rows becomes L below and U on and above its diagonal; pivots (min(m, n)): the row
/// that each is exchanged with, counted from 1. Gives the first zero on U's diagonal, counted from
/// 1, or 0. T: real or complex. Source: Toledo, "Locality of reference in LU decomposition with
/// partial pivoting", SIAM J. Matrix Anal. Appl. 18 (1997) 1065.
template <class T>
int32_t factor_lu(int64_t m, int64_t n, T* A, int32_t* pivots);

/// Rows of X, `step` numbers apart and `width` long, are exchanged as `pivots` (n), counted from 1,
/// say, in this order or backwards.
template <class T>
void exchange_rows(const int32_t* pivots, int64_t n, T* X, int64_t step, int64_t width,
                   bool backwards = false);

}  // namespace flambeau
