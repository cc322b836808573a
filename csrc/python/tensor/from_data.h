// Tensors from what Python programs hold: nested sequences of numbers, arrays, buffers.
// Nothing that an object answers is trusted: lengths are taken once, lists are looked at again
// after any code of the user's may have run, nesting has a limit. Need the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// data as a tensor: copied, or where `copy` is false over its own memory if it has any.
TensorRef from_data(PyObject* data, bool has_dtype, DType dtype, bool copy, const char* function);
/// A tensor over the memory of an object with the buffer protocol; warns where it is read-only.
TensorRef share_buffer(PyObject* o, const char* function);
/// A copy of an object's buffer, of any strides; null (no error set) if it gives none.
TensorRef copy_buffer(PyObject* o, const char* function);

/// Raises TypeError for a NumPy array of a dtype without a counterpart.
[[noreturn]] void refuse_array(PyObject* array, const char* function);

}  // namespace flambeau
