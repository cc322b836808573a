// What autograd/sparse.h asks of operators.
#include "autograd/sparse.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"

namespace flambeau {

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
    sum = add(*sum, grad);
}

}  // namespace flambeau
