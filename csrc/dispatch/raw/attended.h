// What attention and its kind with compiled scores share: rows side by side, and a dtype's
// elements.
#pragma once
#include "dispatch/basics.h"

namespace flambeau::raw {

/// t, or a copy whose last dim has stride 1.
inline TensorRef rows_of(Tensor& t) {
  return t.ndim == 0 || t.strides[t.ndim - 1] == 1 ? TensorRef::borrow(&t) : contiguous(t);
}

/// fn(an element of the dtype)
template <class F>
auto in_dtype(DType dtype, F&& fn) {
  return dtype == DType::float32 ? fn(float{}) : fn(double{});
}

}  // namespace flambeau::raw
