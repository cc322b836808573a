// Non-maximum suppression. Any thread; no GIL; one thread does the work, since each box kept
// decides about those after it.
#pragma once
#include <cstdint>

namespace flambeau {

/// Writes to `kept` which of n boxes (x1, y1, x2, y2) stay, and returns how many. They are taken in
/// `order`; one leaves out all after it whose intersection over union with it is above `threshold`.
template <class T>
int64_t nms(const T* boxes, const int64_t* order, int64_t n, double threshold, int64_t* kept);

}  // namespace flambeau
