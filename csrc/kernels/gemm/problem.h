// What a matrix product is, with the element type known; gemm.h has it for any dtype.
// Any thread may call; the GIL is not touched. Products are cut by their shape and strides alone,
// so their bits do not depend on the number of threads.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

/// What is done to each block of the result while it is still in cache: out = max(out + bias, 0).
/// relu is ignored for complex numbers.
struct Epilogue {
  const void* bias = nullptr;  // N values, one a column; or M, one a row, if bias_per_row; or none
  bool bias_per_row = false;
  bool relu = false;
  void* device_bias = nullptr;  // the same as a Tensor, for products on a GPU
};

/// C = alpha * op(A) op(B) + beta * C for `batch` triples of row-major matrices; C must not overlap
/// A or B. op(A) is (M, K): stored (M, K) with row stride lda, or (K, M) if trans_a; op(B) is (K,
/// N) likewise. beta = 0 ignores what C holds, NaN included.
template <class T>
struct Gemm {
  int64_t M = 0, N = 0, K = 0;
  const T* a = nullptr;
  const T* b = nullptr;
  T* c = nullptr;
  int64_t lda = 0, ldb = 0, ldc = 0;
  int64_t step_a = 1, step_b = 1;  // strides inside a stored row, 0 too; 1 for complex numbers
  bool trans_a = false, trans_b = false;
  T alpha = T(1), beta = T(0);
  int64_t batch = 1;
  int64_t batch_stride_a = 0, batch_stride_b = 0, batch_stride_c = 0;  // in elements
  Epilogue epilogue = {};
  /// The operands hold complex numbers, whose real parts N, K and strides count; for float32 and
  /// float64. In the product of reals row k of B meets a real part of A, and i times it an
  /// imaginary part. A transposed A has step_a 2.
  bool pairs = false;
};

/// T: float, double (blocked.cpp), complex64, complex128 (complex.cpp). Inside a chunk of
/// parallel_for it runs on the calling thread.
template <class T>
void gemm(const Gemm<T>& problem);
template <>
void gemm(const Gemm<float>& problem);
template <>
void gemm(const Gemm<double>& problem);
template <>
void gemm(const Gemm<complex64>& problem);
template <>
void gemm(const Gemm<complex128>& problem);

}  // namespace flambeau
