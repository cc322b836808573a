// What a matrix product is, and OpenBLAS, loaded at run time for complex products and LAPACK.
// Any thread may call; the GIL is not touched. The library itself is held to one thread: products
// are cut into tiles by their shape alone, so their bits do not depend on the number of threads.
#pragma once
#include <complex>
#include <cstdint>
#include <string>

#include "tensor/dtype.h"

namespace flambeau {

/// Opens the shared library at `path` (the scipy-openblas32 wheel's, or any OpenBLAS); a second
/// call does nothing. Throws Error when it cannot be opened or lacks cblas_cgemm.
void blas_load(const std::string& path);
bool blas_loaded();

/// The address of a LAPACK or BLAS routine such as "dgesv_" (Fortran calling convention, 32-bit
/// integers), or nullptr when the library lacks it or none is loaded.
void* lapack_symbol(const char* name);

/// What is done to each block of the result while it is still in cache: out = max(out + bias, 0).
/// relu is ignored for complex numbers.
struct Epilogue {
  const void* bias = nullptr;  // N values, one a column; or M, one a row, if bias_per_row; or none
  bool bias_per_row = false;
  bool relu = false;
};

/// C = alpha * op(A) op(B) + beta * C for `batch` triples of row-major matrices; C must not overlap
/// A or B. op(A) is (M, K): stored (M, K) with row stride lda, or (K, M) if trans_a; op(B) is (K,
/// N) likewise. conj_* conjugate complex operands. beta = 0 ignores what C holds, NaN included.
template <class T>
struct Gemm {
  int64_t M = 0, N = 0, K = 0;
  const T* a = nullptr;
  const T* b = nullptr;
  T* c = nullptr;
  int64_t lda = 0, ldb = 0, ldc = 0;
  int64_t step_a = 1, step_b = 1;  // strides inside a stored row, 0 too; 1 for complex numbers
  bool trans_a = false, trans_b = false;
  bool conj_a = false, conj_b = false;
  T alpha = T(1), beta = T(0);
  int64_t batch = 1;
  int64_t batch_stride_a = 0, batch_stride_b = 0, batch_stride_c = 0;  // in elements
  Epilogue epilogue = {};
};

/// T: float, double (kernels/gemm_blocked.h), complex64, complex128 (the library, or loops of ours
/// while none is loaded). Inside a chunk of parallel_for it runs on the calling thread.
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
