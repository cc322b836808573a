// Matrix products and LAPACK from OpenBLAS, loaded at run time and driven from our own pool.
// Any thread may call; the GIL is not touched. The library itself is held to one thread: products
// are cut into tiles by their shape alone, so their bits do not depend on the number of threads.
#pragma once
#include <complex>
#include <cstdint>
#include <string>

#include "tensor/dtype.h"

namespace flambeau {

/// Opens the shared library at `path` (the scipy-openblas32 wheel's, or any OpenBLAS); a second
/// call does nothing. Throws Error when it cannot be opened or lacks cblas_sgemm.
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

/// T: float, double, complex64, complex128. Falls back to loops of ours while no library is loaded.
template <class T>
void gemm(const Gemm<T>& problem);

/// One tile on the calling thread, without batch or epilogue: for kernels that do their own tiling.
template <class T>
void gemm_tile(const Gemm<T>& problem);

/// y = alpha * op(A) x + beta * y; A is (M, N) row-major, op(A) its transpose if trans. Strides of
/// x and y in elements, positive.
template <class T>
void gemv(bool trans, int64_t M, int64_t N, T alpha, const T* a, int64_t lda, const T* x,
          int64_t incx, T beta, T* y, int64_t incy);

/// sum of x[i] * y[i] (x conjugated if conj), in fixed blocks added in order.
template <class T>
T dot(int64_t n, const T* x, int64_t incx, const T* y, int64_t incy, bool conj = false);

}  // namespace flambeau
