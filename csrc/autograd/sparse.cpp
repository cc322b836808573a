#include "autograd/sparse.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"

namespace flambeau {

void fit_to_node(Node* node, std::vector<TensorRef>& grads) {
  bool any = false;
  for (const TensorRef& grad : grads) any |= grad && is_sparse(*grad);
  if (!any || (node->kind->takes_sparse && node->kind->takes_sparse(node))) return;
  for (TensorRef& grad : grads)
    if (grad && is_sparse(*grad)) grad = sparse_to_dense(*grad);
}

TensorRef sparse_to_dense(Tensor& t) { return call_bound("sparse_to_dense", {t.py()}); }

TensorRef sparse_to(Tensor& t, DType dtype) {
  return call_bound("sparse_to", {t.py(), empty({}, dtype).py()});
}

TensorRef sparse_clone(Tensor& t) { return call_bound("sparse_clone", {t.py()}); }

void add_sparse_grad(TensorRef& sum, Tensor& grad) {
  bool inplace = !grad_mode_enabled && (!is_sparse(*sum) || is_sparse(grad));
  if (inplace)
    call_bound("add_", {sum.py(), grad.py()});
  else
    sum = call_bound("add", {sum.py(), grad.py()});
}

bool owns_parts(const Tensor& grad) {
  const SparseParts& parts = *grad.storage->sparse;
  auto ours = [](const TensorRef& part) {
    return !part || (Py_REFCNT(part.py()) == 1 && part->storage->version.references == 1);
  };
  return grad.storage->version.references == 1 && ours(parts.values) && ours(parts.indices) &&
         ours(parts.compressed);
}

}  // namespace flambeau
