// The products of vectors and matrices by their names, which take operands of given dimensions.
// Need the GIL.
#pragma once
#include <utility>
#include <vector>

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

/// Which operands each product of a chain of matrices takes, so that the chain needs the fewest
/// multiplications: matrix i is sizes[i] x sizes[i + 1] of n, and product i is operand n + i.
std::vector<std::pair<int64_t, int64_t>> cheapest_chain(const std::vector<int64_t>& sizes);

}  // namespace flambeau
