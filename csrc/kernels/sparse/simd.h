// Vector loops over compressed rows, compiled for each instruction set (as conv/simd.h). Sums run
// in the order of the entries. Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include "kernels/sparse/products.h"

namespace flambeau {

template <class T>
struct SparseKernels {
  /// Rows [begin, end) of out (rows, width) = a @ dense.
  void (*times_dense)(const sparse::Rows& a, int64_t begin, int64_t end, const T* values,
                      const T* dense, int64_t width, T* out);
  /// Rows [begin, end) of out (rows) = a @ vector, without an order; false where a column lies
  /// outside: out means nothing then.
  bool (*times_vector)(const sparse::Rows& a, int64_t begin, int64_t end, const T* values,
                       const T* vector, T* out);
  /// out[e] for e in [begin, end): rows of x and y multiplied and summed.
  void (*dots)(int64_t begin, int64_t end, sparse::Places rows, sparse::Places columns, const T* x,
               const T* y, int64_t depth, T* out);
  /// Whether no number is below the one before it.
  bool (*ascending)(const int64_t* x, int64_t n);
  /// Whether all numbers are from 0 to end - 1.
  bool (*within)(const int64_t* x, int64_t n, int64_t end);
};

/// The kernels for this machine. T: float, double.
template <class T>
const SparseKernels<T>& sparse_kernels();

namespace simd_avx512 {
extern const SparseKernels<float> float_sparse;
extern const SparseKernels<double> double_sparse;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const SparseKernels<float> float_sparse;
extern const SparseKernels<double> double_sparse;
}  // namespace simd_avx2
namespace simd_base {
extern const SparseKernels<float> float_sparse;
extern const SparseKernels<double> double_sparse;
}  // namespace simd_base

}  // namespace flambeau
