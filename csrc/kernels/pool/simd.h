// Vector loops over one output row of a pooling, compiled for each instruction set (as
// conv/simd.h). Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// n outputs side by side: output j covers rows[r][j * stride + k * dilation] for all r and k.
template <class T>
struct PoolRow {
  int64_t n, n_rows;
  const T* const* rows;
  int64_t n_taps, stride, dilation;
};

template <class T>
struct PoolKernels {
  /// index[j] = first_index[r] + j * stride + k * dilation of the largest element; index may be
  /// null.
  void (*max_row)(const PoolRow<T>& row, const int64_t* first_index, T* out, int64_t* index);
  /// out[j] = sum / divisor
  void (*mean_row)(const PoolRow<T>& row, T divisor, T* out);
  /// Of each of n_planes rows of n elements that follow each other: the sum / divisor.
  void (*means)(int64_t n_planes, int64_t n, const T* from, T divisor, T* out);
  /// The largest element and its index in its row, the first of equals; index may be null. Returns
  /// the number of the first row with a NaN, or of less than a vector, where it stops.
  int64_t (*maxima)(int64_t n_planes, int64_t n, const T* from, T* out, int64_t* index);
};

/// The kernels for this machine. T: float, double.
template <class T>
const PoolKernels<T>& pool_kernels();

namespace simd_avx512 {
extern const PoolKernels<float> float_pool;
extern const PoolKernels<double> double_pool;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const PoolKernels<float> float_pool;
extern const PoolKernels<double> double_pool;
}  // namespace simd_avx2
namespace simd_base {
extern const PoolKernels<float> float_pool;
extern const PoolKernels<double> double_pool;
}  // namespace simd_base

}  // namespace flambeau
