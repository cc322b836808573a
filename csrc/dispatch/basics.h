// The few differentiable operators that the core itself calls, with those that autograd borrows.
// Each records history when grad mode is on. Need the GIL.
#pragma once
#include "autograd/borrowed.h"

namespace flambeau {

// Arithmetic: operators declared in Python and bound by name (flambeau/ops/core/declare.py).
TensorRef mul(Tensor& a, Tensor& b);
TensorRef mul_scalar(Tensor& a, double s);

// Moving bytes.
TensorRef contiguous(Tensor& t);
/// dst[...] = src without a word to autograd, version included.
void copy_bytes(Tensor& dst, Tensor& src);
void fill_bytes(Tensor& t, double value);
/// The node of a write that leaves nothing of t to differentiate. Make it before, rebase after.
Ref<Node> overwrite_node(Tensor& t);

// Views.
TensorRef view(Tensor& t, Dims sizes, const char* operator_name = "view");
TensorRef reshape(Tensor& t, Dims sizes);
TensorRef expand(Tensor& t, const Dims& sizes);
TensorRef permute(Tensor& t, const Dims& order);
TensorRef transpose(Tensor& t, int64_t dim0, int64_t dim1);
TensorRef select(Tensor& t, int64_t dim, int64_t index);
TensorRef slice(Tensor& t, int64_t dim, int64_t start, int64_t stop, int64_t step);
TensorRef unsqueeze(Tensor& t, int64_t dim);
TensorRef view_as_complex(Tensor& t);
TensorRef detach(Tensor& t);
/// A view without history or base, for writing into a fresh result.
TensorRef raw_view(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);

/// A product of two matrices or stacks, for the engine's own needs: bound by name too.
TensorRef call_bound(const char* name, std::initializer_list<PyObject*> args);

}  // namespace flambeau
