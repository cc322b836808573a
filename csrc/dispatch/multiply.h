// Matrix products of tensors into memory that is there, without history. Need the GIL, which long
// ones give up.
#pragma once
#include "kernels/gemm/gemm.h"
#include "tensor/tensor.h"

namespace flambeau {

/// Opens the BLAS library unless it is open.
void need_library();

/// out = alpha * a @ b (+ bias) + beta * out, of contiguous out: two matrices, or two stacks of
/// equally many.
void multiply(Tensor& out, Tensor& a, Tensor& b, const Epilogue& epilogue = {}, double alpha = 1,
              double beta = 0);
/// out[*] = a[*] @ b[*] over batch dimensions that broadcast: one product of stacks for each index
/// of all but the last of them, after those that lie behind one another have been merged.
void multiply_batches(Tensor& out, Tensor& a, Tensor& b);

}  // namespace flambeau
