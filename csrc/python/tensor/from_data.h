// Tensors from what Python programs hold: nested lists of numbers, and buffers, here; all else
// (flambeau/ops/odd_data.py) is brought to these. Need the GIL.
#pragma once
#include <optional>

#include "tensor/tensor.h"

namespace flambeau {

/// data as a tensor: copied, or where `copy` is false over its own memory if it has any.
TensorRef from_data(PyObject* data, std::optional<DType> dtype, bool copy, const char* function);
/// A tensor over the memory of an object with the buffer protocol; warns where it is read-only.
TensorRef share_buffer(PyObject* o, const char* function);
/// A copy of an object's buffer, of any strides; null if it gives none, maybe with an error set.
TensorRef copy_buffer(PyObject* o, const char* function);

/// Raises TypeError for a NumPy array of a dtype without a counterpart.
[[noreturn]] void refuse_array(PyObject* array, const char* function);

/// Memory that an object lends as long as this lives.
struct Buffer {
  Py_buffer view{};
  bool open = false;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  ~Buffer() {
    if (open) PyBuffer_Release(&view);
  }
  bool get(PyObject* o, int flags) {
    open = PyObject_GetBuffer(o, &view, flags) == 0;
    return open;
  }
};

}  // namespace flambeau
