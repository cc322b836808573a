// The factors of gradients of products, and how those lie in memory.
#pragma once

#include "dispatch/bound.h"
#include "dispatch/views.h"
#include "tensor/tensor.h"

namespace flambeau {

/// The conjugate for complex tensors, which gradients of products need.
inline TensorRef conjugate(Tensor& t) {
  if (!is_complex(t.dtype)) return TensorRef::borrow(&t);
  return call_bound("conj", {t.py()});
}

/// Whether the columns of a matrix lie one after the other, as those of a transposed one do.
inline bool by_columns(const Tensor& t) {
  return t.ndim == 2 && t.sizes[1] > 1 && t.strides[0] == 1 && t.strides[1] == t.sizes[0];
}

/// a @ b, or, to be laid out by columns, the transpose of the product of their transposes.
template <auto multiply>
TensorRef laid_out_product(Tensor& a, Tensor& b, bool columns) {
  if (!columns) return multiply(a, b);
  return transpose(*multiply(*transpose(b, -2, -1), *transpose(a, -2, -1)), -2, -1);
}

}  // namespace flambeau
