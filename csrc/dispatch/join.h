// Tensors joined along a dimension, with history. Need the GIL, which long copies give up.
#pragma once
#include <vector>

#include "tensor/tensor.h"

namespace flambeau {

/// One after the other along dim; dtypes are promoted, empty one-dimensional tensors skipped (as in
/// PyTorch). The result is written into `given` where there is one, which shares no memory with the
/// tensors.
TensorRef cat(const std::vector<TensorRef>& tensors, int64_t dim, Tensor* given = nullptr);
/// Along a new dimension.
TensorRef stack(const std::vector<TensorRef>& tensors, int64_t dim, Tensor* given = nullptr);

}  // namespace flambeau
