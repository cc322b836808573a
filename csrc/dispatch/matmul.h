// Matrix products of tensors, with history: mm, bmm and linear. Need the GIL, which long ones give
// up.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// (M, K) @ (K, N), or (B, M, K) @ (B, K, N).
TensorRef mm(Tensor& a, Tensor& b, const char* operator_name = "mm");
/// (*B, M, K) @ (*B, K, N), where *B broadcast; a vector on either side counts as a matrix, and the
/// dimension that this adds is dropped from the result.
TensorRef matmul(Tensor& a, Tensor& b, const char* operator_name = "matmul");
/// beta * input + alpha * (a @ b) for two matrices or two stacks, in float32 or float64. beta = 0
/// ignores what input holds.
TensorRef addmm(Tensor& input, Tensor& a, Tensor& b, double beta, double alpha,
                const char* operator_name = "addmm");
/// sum = beta * sum + alpha * (a @ b) of contiguous matrices or stacks in one dtype, without
/// history, on the CPU; false, and nothing done, of all others.
bool add_product(Tensor& sum, Tensor& a, Tensor& b, double beta, double alpha);
/// input (*, K) @ weight (N, K) transposed, plus bias (N) if given: (*, N).
TensorRef linear(Tensor& input, Tensor& weight, Tensor* bias, bool relu = false);

}  // namespace flambeau
