// Cholesky factorization by halves, so that most of the work is products. Any thread, no GIL.
// Rows are shared among threads; results do not depend on how many.
#pragma once
#include <cstdint>

namespace flambeau {

/// The lower triangle of A (n, n), by rows, becomes L with A = L L^T, and what stands above L^T.
/// False where A is not positive definite, and then all of A is lost. T: float, double.
template <class T>
bool factor_cholesky(int64_t n, T* A);

}  // namespace flambeau
