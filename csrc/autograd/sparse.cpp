#include "autograd/sparse.h"

namespace flambeau {

void fit_to_node(Node* node, std::vector<TensorRef>& grads) {
  bool any = false;
  for (const TensorRef& grad : grads) any |= grad && is_sparse(*grad);
  if (!any || (node->kind->takes_sparse && node->kind->takes_sparse(node))) return;
  for (TensorRef& grad : grads)
    if (grad && is_sparse(*grad)) grad = sparse_to_dense(*grad);
}

bool owns_parts(const Tensor& grad) {
  const SparseParts& parts = *grad.storage->sparse;
  auto ours = [](const TensorRef& part) {
    return !part ||
           (Py_REFCNT(part.py()) == 1 && part->storage->version.references == 1 && is_dense(*part));
  };
  return grad.storage->version.references == 1 && ours(parts.values) && ours(parts.indices) &&
         ours(parts.compressed);
}

}  // namespace flambeau
