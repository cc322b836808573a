// The products of vectors and matrices by their names, which take operands of given dimensions.
// Need the GIL.
#pragma once
#include "dispatch/matmul.h"

namespace flambeau {

/// Of two matrices, and of two stacks.
TensorRef mm_of_matrices(Tensor& input, Tensor& mat2);
TensorRef bmm(Tensor& input, Tensor& mat2);
TensorRef mv(Tensor& input, Tensor& vec);
TensorRef dot(Tensor& input, Tensor& other);
/// beta * input + alpha * (mat @ vec)
TensorRef addmv(Tensor& input, Tensor& mat, Tensor& vec, double beta, double alpha);
/// linear() for a weight of one or two dimensions and any bias, under autocast too.
TensorRef linear_of_any_shape(Tensor& input, Tensor& weight, Tensor* bias);

}  // namespace flambeau
