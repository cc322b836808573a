// A strided view of raw memory: what a native kernel sees of a tensor.
// Borrows everything; the caller keeps the memory alive. Strides are in elements.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

inline constexpr int max_ndim = 128;
/// At most so many dims are longer than 1 where there are elements: numel is below 2**63. Loops
/// drop the others, and small arrays keep them fast (GCC inlines no large frames).
inline constexpr int max_long_dims = 63;

struct Strided {
  void* data;
  DType dtype;
  int ndim;
  const int64_t* sizes;
  const int64_t* strides;

  int64_t numel() const {
    int64_t n = 1;
    for (int d = 0; d < ndim; ++d) n *= sizes[d];
    return n;
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace flambeau
