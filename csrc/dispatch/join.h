// Tensors joined along a dimension, with history. Need the GIL, which long copies give up.
#pragma once
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

/// One after the other along dim; dtypes are promoted, empty one-dimensional tensors skipped (as in
/// PyTorch). The result is written into `given` where there is one, which shares no memory with the
/// tensors.
TensorRef cat(const std::vector<TensorRef>& tensors, int64_t dim, Tensor* given = nullptr);
/// Along a new dimension.
TensorRef stack(const std::vector<TensorRef>& tensors, int64_t dim, Tensor* given = nullptr);

/// The same two as programs call them: what `out` shares with the tensors is refused.
TensorRef cat_into(Called op, const std::vector<TensorRef>& tensors, int64_t dim, Tensor* out);
TensorRef stack_into(Called op, const std::vector<TensorRef>& tensors, int64_t dim, Tensor* out);

inline constexpr std::tuple join_functions{
    declare<cat_into>("cat", "tensors, dim=0, *, out=None",
                      "Tensors one after the other along dim."),
    declare<stack_into>("stack", "tensors, dim=0, *, out=None",
                        "Tensors of one shape along a new dimension.")};

}  // namespace flambeau
