// Reading and writing by index and by mask, of checked arguments and without history: what
// flambeau/ops/{index,scatter,masks}.py declare derivatives for. Needs the GIL.
#pragma once
#include <vector>

#include "kernels/index/scatter.h"
#include "tensor/called.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

TensorRef gather(Tensor& input, int64_t dim, Tensor& index);
TensorRef index_select(Tensor& input, int64_t dim, Tensor& index);
/// weight (N, D), index (*) -> (*, D)
TensorRef embedding(Tensor& weight, Tensor& index);
/// Sums or means of the rows of weight (N, D) that each bag names: index (B, L), or (M,) with
/// `begins` (B,). Contiguous, float32 or float64, int64.
TensorRef bag_sums(Tensor& weight, Tensor& index, Tensor* begins, bool mean);
/// input[indices], null for all of a dimension.
TensorRef index(Tensor& input, const std::vector<Tensor*>& indices);
TensorRef take(Tensor& input, Tensor& index);
TensorRef masked_select(Tensor& input, Tensor& mask);

// These write into self and return it.

/// scatter_, scatter_add_ and scatter_reduce_
Tensor& scatter_(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& src, Combine combine,
                 bool include_self);
/// index_add_, index_copy_, index_fill_ and index_reduce_
Tensor& index_write_(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& source,
                     Combine combine, bool include_self);
Tensor& index_put_(Tensor& self, std::vector<Tensor*> indices, Tensor& values, bool accumulate);
Tensor& put_(Tensor& self, Tensor& index, Tensor& source, bool accumulate);
Tensor& masked_scatter_(Tensor& self, Tensor& mask, Tensor& source);

}  // namespace flambeau::raw
