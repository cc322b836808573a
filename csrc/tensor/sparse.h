// What a sparse tensor is made of: dense tensors of indices and of values, which its storage holds
// in place of bytes. All tensors over that storage (detach(), .data, a Parameter) are the same
// sparse tensor. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

enum class Layout : uint8_t { strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc };

/// Dense tensors without history. Of sparse_coo: indices (sparse dims, nnz) and values
/// (nnz, *dense dims). Of the others `compressed` tells where each row (or column) of entries
/// begins, and `indices` the column (or row) of each entry.
struct SparseParts {
  Layout layout = Layout::sparse_coo;
  bool coalesced = false;  // indices in order, each once
  uint8_t dense_dim = 0;
  TensorRef compressed, indices, values;
  /// A dict of what products have found out about the indices. They may have been written since:
  /// whoever reads it compares.
  Object found;
};

using TellOfSparse = void (*)(bool any);
/// Told when there is the first sparse tensor, and when there is none any more.
extern constinit TellOfSparse tell_of_sparse;

/// How many storages hold a sparse tensor. While it is 0 nobody asks for layouts.
[[gnu::visibility("hidden")]] extern constinit int64_t sparse_tensors;

inline bool is_sparse(const Tensor& t) { return t.storage->sparse != nullptr; }
/// Whether one of the two is sparse, asked where the core computes for itself.
inline bool any_sparse(const Tensor& a, const Tensor& b) {
  return sparse_tensors && (is_sparse(a) || is_sparse(b));
}
inline Layout layout_of(const Tensor& t) {
  return is_sparse(t) ? t.storage->sparse->layout : Layout::strided;
}
/// "sparse_coo"
const char* name(Layout layout);

/// A tensor without history of these sizes and of the dtype of parts.values.
TensorRef make_sparse(SparseParts parts, const Dims& sizes);
/// t and all over its storage hold what `from`, another sparse tensor, holds from now on.
void take_parts(Tensor& t, const Tensor& from);

}  // namespace flambeau
