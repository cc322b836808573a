// The differentiable operators that autograd itself calls: gradients are summed, cast, copied.
// dispatch/ defines them, above; here stands only what is asked of them. Need the GIL.
#pragma once
#include "autograd/node.h"

namespace flambeau {

TensorRef add(Tensor& a, Tensor& b);
/// a += b in place; a has no history.
void add_into(Tensor& a, Tensor& b);
TensorRef sum(Tensor& t, const Dims& dims, bool keepdim);
TensorRef sum_to_size(Tensor& t, const Dims& sizes);
TensorRef to_dtype(Tensor& t, DType dtype);
/// The same where the imaginary part is not wanted: a gradient of something real.
TensorRef to_dtype_unwarned(Tensor& t, DType dtype);
TensorRef clone(Tensor& t);
/// A copy with these strides, which are dense.
TensorRef clone_with(Tensor& t, const Dims& strides);

/// dst[...] = src, broadcast and converted; records history.
void copy_(Tensor& dst, Tensor& src);
/// t itself, or a copy on another device.
TensorRef to_device(Tensor& t, Device device);
TensorRef full_like(Tensor& t, double value);
TensorRef scalar_tensor(double value, DType dtype);
TensorRef as_strided(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);
TensorRef view_as_real(Tensor& t);
TensorRef view_as_complex(Tensor& t);
/// The layout of a complex view in numbers of its real base: a last dim for real and imaginary
/// part.
void as_parts(Dims& sizes, Dims& strides, int64_t& offset);

/// The node of `view` as a region of `base` (which its in-place history went through).
Ref<Node> region_node(Tensor& base, Tensor& view);

}  // namespace flambeau
