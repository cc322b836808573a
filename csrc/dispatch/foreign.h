// Strided memory of others, arrays for one, as tensors. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// The dtype of a format of Python's struct module, of one item of `size` bytes; raises TypeError
/// where there is none, ValueError for another byte order.
DType dtype_of_format(const char* format, int64_t size, const char* operator_name);

struct ForeignMemory {
  void* data;
  int64_t itemsize;
  const char* format;  // null: bytes
  int ndim;
  const ssize_t *sizes, *strides;  // in bytes
  bool read_only;
};
/// A tensor over it, which `owner` keeps alive; raises where a tensor can't have its strides, warns
/// where it is not to be written.
TensorRef share_memory(const ForeignMemory& m, PyObject* owner, const char* operator_name);
/// A copy of it; null where its strides are none of a tensor's.
TensorRef copy_memory(const ForeignMemory& m, const char* operator_name);

}  // namespace flambeau
