// Sparse tensors put together, taken apart and written in place. Need the GIL.
#pragma once
#include <tuple>

#include "tensor/called.h"
#include "tensor/sparse.h"

namespace flambeau {

/// What a sparse tensor holds; raises for a strided one.
SparseParts& parts_of(const char* op, Tensor& t);
/// A sparse tensor of its parts, which are not checked.
TensorRef sparse_of_parts(Layout layout, Tensor* compressed, Tensor& indices, Tensor& values,
                          const Dims& sizes, int64_t dense_dim, bool coalesced);
/// (layout, compressed or null, indices, values, dense_dim, coalesced)
std::tuple<int64_t, TensorRef, TensorRef, TensorRef, int64_t, bool> shown_parts(Called op,
                                                                                Tensor& t);
/// The operator `writer`, a name that lives as long as the process, made t into `other`, history
/// included.
Tensor& become_sparse(Called op, Tensor& t, Tensor& other, const char* writer);

}  // namespace flambeau
