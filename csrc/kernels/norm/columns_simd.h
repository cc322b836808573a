// softmax down the columns of a matrix, compiled for each instruction set (as conv/simd.h). Pure
// loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct ColumnKernels {
  int lanes;
  /// out = softmax of n >= lanes columns of `length` elements, `step` apart, or its logarithm.
  void (*softmax)(int64_t length, int64_t n, int64_t step, bool log, const T* x, T* out);
  /// The gradient of x, from that of the result and the result.
  void (*softmax_backward)(int64_t length, int64_t n, int64_t step, bool log, const T* grad,
                           const T* result, T* out);
};

/// The kernels for this machine. T: float, double.
template <class T>
const ColumnKernels<T>& column_kernels();

namespace simd_avx512 {
extern const ColumnKernels<float> float_columns;
extern const ColumnKernels<double> double_columns;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const ColumnKernels<float> float_columns;
extern const ColumnKernels<double> double_columns;
}  // namespace simd_avx2
namespace simd_base {
extern const ColumnKernels<float> float_columns;
extern const ColumnKernels<double> double_columns;
}  // namespace simd_base

}  // namespace flambeau
