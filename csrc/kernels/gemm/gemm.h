// Matrix products of every dtype: float32 and float64 by gemm/blocked.cpp, complex numbers
// by complex.cpp, float16 and bfloat16 through float32 (one rounding at the end), integers by
// words.cpp (they wrap around). Any thread may call; the GIL is not touched. bool is refused:
// matmul has no meaning for it in PyTorch.
#pragma once
#include "kernels/gemm/problem.h"

namespace flambeau {

/// A Gemm whose element type is known at run time only; alpha and beta are real.
struct AnyGemm {
  DType dtype;
  int64_t M = 0, N = 0, K = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int64_t lda = 0, ldb = 0, ldc = 0;  // in elements, as all strides here
  int64_t step_a = 1, step_b = 1;     // 1 but for float32 and float64
  bool trans_a = false, trans_b = false;
  double alpha = 1, beta = 0;
  int64_t batch = 1;
  int64_t batch_stride_a = 0, batch_stride_b = 0, batch_stride_c = 0;
  Epilogue epilogue = {};
};

/// Computes the product described above; throws NotImplementedError for bool.
void gemm(const AnyGemm& problem);

/// *sum = the sum of n products x[i * x_step] * y[i * y_step], rounded once, of dtypes that have
/// products.
void strided_dot(DType dtype, int64_t n, const void* x, int64_t x_step, const void* y,
                 int64_t y_step, void* sum);

/// The product in plain loops, the library's stand-in for complex numbers: one thread.
template <class T>
void gemm_loops(const Gemm<T>& problem);

}  // namespace flambeau
