// Distances between points: p-norms of differences, which are never written to memory.
// Any thread, no GIL. T: float, double. Points are rows of M features, one behind the other.
#pragma once
#include <cstdint>

namespace flambeau {

/// What is between two stacks of points. With `pairs` they are one and the same, and the distances
/// are those of all i < j, row by row.
struct Points {
  int64_t batch, n1, n2, features;
  bool pairs;
  /// Of pairs: where that of i and j, i < j, stands.
  int64_t place(int64_t i, int64_t j) const { return i * n1 - i * (i + 1) / 2 + j - i - 1; }
  /// How many distances there are in a stack.
  int64_t count() const { return pairs ? n1 * (n1 - 1) / 2 : n1 * n2; }
};

/// out[b, i, j] (of pairs out[b, place]) = norm of order p (0 or more) of x1[b, i] - x2[b, j].
template <class T>
void distances(const Points& points, double p, const T* x1, const T* x2, T* out);

/// Gradients of x1: sums over j of grad[b, i, j] times the slope of that distance, 0 where it is 0.
/// Of pairs those of both ends.
template <class T>
void distances_backward(const Points& points, double p, const T* x1, const T* x2, const T* grad,
                        const T* distance, T* grad1);

}  // namespace flambeau
