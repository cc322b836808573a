// What nodes of views keep: sizes on the heap, since a node lives longer than a stack frame and
// should be small.
#pragma once
#include <vector>

#include "autograd/node.h"
#include "tensor/tensor.h"

namespace flambeau {

using Sizes = std::vector<int64_t>;
inline Sizes keep(const Dims& d) { return Sizes(d.v, d.v + d.n); }
inline Dims dims(const Sizes& s) { return {s.data(), static_cast<int>(s.size())}; }

}  // namespace flambeau
