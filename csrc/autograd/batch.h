// What a batched tensor stands for: all slices of a vmap at once.
// A batched tensor shows the sizes of one slice and has no bytes. Its value has a dimension more
// for each level of vmap that it depends on, in front and in the order of the levels (the outermost
// first), and the history: autograd follows values only. Needs the GIL.
#pragma once
#include <cstring>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace flambeau {

inline constexpr int max_levels = 12;

/// The levels of vmap that a tensor depends on, in ascending order.
struct Levels {
  int n = 0;
  int64_t v[max_levels];
  bool operator==(const Levels& o) const {
    return n == o.n && std::memcmp(v, o.v, n * sizeof(int64_t)) == 0;
  }
};

Levels levels_of(const std::vector<int64_t>& numbers);

struct Batch {
  TensorRef value;
  Levels levels;
};

/// A batched tensor over `value`, whose first dimensions belong to `levels`.
TensorRef make_batched(TensorRef value, const Levels& levels);
/// The same of no levels is the value; and what was put together, taken apart.
TensorRef batched(Tensor& value, const Levels& levels);
std::pair<TensorRef, Levels> unbatched(Tensor& t);
/// A fresh tensor becomes what make_batched(value, levels) is.
void become_batched(Tensor& t, Tensor& value, const Levels& levels);
/// The sizes of the n dimensions in front of a value, then these.
Dims behind_batches(const Tensor& value, int n, const Dims& sizes);

}  // namespace flambeau
