// Sparse gradients in the engine: which nodes take them, and what becomes of them elsewhere.
// Asked only while there are sparse tensors. Needs the GIL.
#pragma once
#include <vector>

#include "autograd/node.h"
#include "tensor/sparse.h"

namespace flambeau {

/// Makes those of the gradients dense that are sparse, unless the node's backward takes them so: a
/// leaf's, a custom Function's, and that of a primitive that knows sparse tensors.
void fit_to_node(Node* node, std::vector<TensorRef>& grads);

// Operators of Python by which the core computes with sparse tensors; dispatch/ calls them.
TensorRef sparse_to_dense(Tensor& t);
TensorRef sparse_to(Tensor& t, DType dtype);
TensorRef sparse_clone(Tensor& t);
/// Adds `grad` into what is to become a leaf's .grad, where one of the two is sparse: in place
/// unless a dense one comes to a sparse one.
void add_sparse_grad(TensorRef& sum, Tensor& grad);
/// Whether nobody else sees the parts of a sparse gradient, and each element has a place of its
/// own.
bool owns_parts(const Tensor& grad);

}  // namespace flambeau
