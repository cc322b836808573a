// The few differentiable operators that the core itself calls (gradients are summed, reshaped, cast
// ...). Each records history when grad mode is on. Need the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

// Arithmetic: operators declared in Python and bound by name (flambeau/ops/core/declare.py).
TensorRef add(Tensor& a, Tensor& b);
/// a += b in place; a has no history.
void add_into(Tensor& a, Tensor& b);
TensorRef mul(Tensor& a, Tensor& b);
TensorRef mul_scalar(Tensor& a, double s);
TensorRef sum(Tensor& t, const Dims& dims, bool keepdim);
TensorRef sum_to_size(Tensor& t, const Dims& sizes);

// Moving bytes.
TensorRef to_dtype(Tensor& t, DType dtype);
/// The same where the imaginary part is not wanted: a gradient of something real.
TensorRef to_dtype_unwarned(Tensor& t, DType dtype);
/// t itself, or a copy on another device.
TensorRef to_device(Tensor& t, Device device);
TensorRef contiguous(Tensor& t);
TensorRef clone(Tensor& t);
/// A copy with these strides, which are dense.
TensorRef clone_with(Tensor& t, const Dims& strides);
/// dst[...] = src, broadcast and converted; records history.
void copy_(Tensor& dst, Tensor& src);
/// The same without a word to autograd, version included.
void copy_bytes(Tensor& dst, Tensor& src);
void fill_bytes(Tensor& t, double value);
TensorRef full_like(Tensor& t, double value);
TensorRef scalar_tensor(double value, DType dtype);

// Views.
TensorRef view(Tensor& t, Dims sizes, const char* operator_name = "view");
TensorRef reshape(Tensor& t, Dims sizes);
TensorRef expand(Tensor& t, const Dims& sizes);
TensorRef permute(Tensor& t, const Dims& order);
TensorRef transpose(Tensor& t, int64_t dim0, int64_t dim1);
TensorRef select(Tensor& t, int64_t dim, int64_t index);
TensorRef slice(Tensor& t, int64_t dim, int64_t start, int64_t stop, int64_t step);
TensorRef unsqueeze(Tensor& t, int64_t dim);
TensorRef as_strided(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);
TensorRef view_as_real(Tensor& t);
TensorRef view_as_complex(Tensor& t);
TensorRef detach(Tensor& t);
/// A view without history or base, for writing into a fresh result.
TensorRef raw_view(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);

/// A product of two matrices or stacks, for the engine's own needs: bound by name too.
TensorRef call_bound(const char* name, std::initializer_list<PyObject*> args);

}  // namespace flambeau
