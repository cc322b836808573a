// Matrix products of tensors, with history: mm, bmm and linear. Need the GIL, which long ones give
// up.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// Opens the BLAS library unless it is open.
void need_library();

/// (M, K) @ (K, N), or (B, M, K) @ (B, K, N).
TensorRef mm(Tensor& a, Tensor& b, const char* operator_name = "mm");
/// input (*, K) @ weight (N, K) transposed, plus bias (N) if given: (*, N).
TensorRef linear(Tensor& input, Tensor& weight, Tensor* bias, bool relu = false);

}  // namespace flambeau
