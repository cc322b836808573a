// OpenBLAS, loaded at run time for complex products and LAPACK.
// Any thread may call; the GIL is not touched. The library itself is held to one thread.
#pragma once
#include <complex>
#include <cstdint>
#include <string>

#include "tensor/declared.h"
#include "tensor/dtype.h"

namespace flambeau {

/// Opens the shared library at `path` (the scipy-openblas32 wheel's, or any OpenBLAS); a second
/// call does nothing. Throws Error when it cannot be opened or lacks cblas_cgemm.
void blas_load(const std::string& path);
bool blas_loaded();

/// CBLAS's product of matrices; it takes complex scalars by address.
template <class T>
using GemmRoutine = void (*)(int order, int trans_a, int trans_b, int m, int n, int k,
                             const void* alpha, const T* a, int lda, const T* b, int ldb,
                             const void* beta, T* c, int ldc);
/// The library's product, T: complex64, complex128; nullptr while no library is loaded.
template <class T>
GemmRoutine<T> gemm_routine();

/// The address of a LAPACK or BLAS routine such as "dgesv_" (Fortran calling convention, 32-bit
/// integers), or nullptr when the library lacks it or none is loaded.
void* lapack_symbol(const char* name);

inline constexpr std::tuple blas_functions{declare<blas_load>("_blas_load", "path"),
                                           declare<lapack_symbol>("_lapack_symbol", "name")};

}  // namespace flambeau
