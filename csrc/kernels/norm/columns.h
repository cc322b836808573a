// softmax along a dimension that is not the last: down the columns of stacked matrices. Threads
// divide columns, each of which is computed alike wherever it is cut. Any thread; no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// `stacks` contiguous matrices (length, columns).
struct Columns {
  int64_t stacks, length, columns;
};

/// What these take at least, and from which on they are the quickest way: a vector of the widest.
inline constexpr int64_t fewest_columns = 16;

/// out = softmax of each column, or its logarithm; out is not x. T: float, double, or halves, which
/// are computed in float32 and rounded once.
template <class T>
void softmax_of_columns(const Columns& shape, bool log, const T* x, T* out);

/// The gradient of x from that of the result; out is neither.
template <class T>
void softmax_of_columns_backward(const Columns& shape, bool log, const T* grad, const T* result,
                                 T* out);

}  // namespace flambeau
