// How far triangular matrices are from singular ones. Any thread, no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// Whether the least singular value of R (n, n), upper triangular and by columns, whose other
/// triangle is not read, is surely more than `limit` times the largest one. Both are estimated by
/// some steps of the power method, which finds them too close to each other by a factor below 2 or
/// so; 8 are left. T: float, double.
template <class T>
bool is_far_from_singular(int64_t n, const T* R, double limit);

}  // namespace flambeau
