// Passes over rows of norms, compiled for each instruction set (as conv/simd.h). Pure loops over
// raw memory: any thread, no GIL, no allocation. Sums are float64 from block to block.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct NormKernels {
  double (*sum)(int64_t n, const T* x);
  /// The sum of (x - mean)**2.
  double (*squares)(int64_t n, const T* x, T mean);
  /// out = (x - mean) * factor + shift
  void (*scale)(int64_t n, const T* x, T mean, T factor, T shift, T* out);

  /// Rows one after another, with their mean and rstd = 1 / sqrt(variance + eps): out = (x - mean)
  /// * (rstd * weight) + bias. weight and bias hold `groups` rows, which follow from the given one
  /// on and return; they may be null.
  void (*rows)(int64_t rows, int64_t length, const T* x, T eps, const T* weight, const T* bias,
               int64_t group, int64_t groups, T* out, T* mean, T* rstd);

  /// The sums of g and of g * (x - mean) * rstd.
  void (*products)(int64_t n, const T* g, const T* x, T mean, T rstd, double* sums);
  /// out = g * factor + (x - mean) * slope + shift
  void (*combine)(int64_t n, const T* g, const T* x, T mean, T factor, T slope, T shift, T* out);
  /// The same with a factor of rstd * weight for each element; to_weight = g * (x - mean) * rstd.
  /// Either may be null.
  void (*combine_each)(int64_t n, const T* g, const T* x, T mean, T rstd, const T* weight, T slope,
                       T shift, T* out, T* to_weight);

  /// The same sums of g * weight; weight may be null.
  void (*weighted_products)(int64_t n, const T* g, const T* x, const T* weight, T mean, T rstd,
                            double* sums);
  /// The same as scale() with a mean, a factor and a shift for each element.
  void (*scale_each)(int64_t n, const T* x, const T* mean, const T* factor, const T* shift, T* out);
  /// out = (g - (x - mean) * slope - shift) * factor
  void (*centre)(int64_t n, const T* g, const T* x, T mean, T factor, T slope, T shift, T* out);
  void (*centre_each)(int64_t n, const T* g, const T* x, const T* mean, const T* factor,
                      const T* slope, const T* shift, T* out);
  /// sums[j] += x[j]; of squares += (x[j] - mean[j])**2
  void (*add_columns)(int64_t n, const T* x, double* sums);
  void (*add_squares)(int64_t n, const T* x, const T* mean, double* sums);
  /// sums[j] += g[j], along[j] += g[j] * (x[j] - mean[j])
  void (*add_products)(int64_t n, const T* g, const T* x, const T* mean, double* sums,
                       double* along);
  /// For each of `rows` rows (at most 4): out = rstd * (g * weight - sums[0] - (x - mean) * rstd *
  /// sums[1]), and added up over them: to_weight += g * (x - mean) * rstd, to_bias += g. What is
  /// null is left out.
  void (*finish_rows)(int rows, int64_t n, const T* g, const T* x, const T* weight, const T* mean,
                      const T* rstd, const T (*sums)[2], T* out, T* to_weight, T* to_bias);
};

/// The kernels for this machine. T: float, double.
template <class T>
const NormKernels<T>& norm_kernels();

namespace simd_avx512 {
extern const NormKernels<float> float_norm;
extern const NormKernels<double> double_norm;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const NormKernels<float> float_norm;
extern const NormKernels<double> double_norm;
}  // namespace simd_avx2
namespace simd_base {
extern const NormKernels<float> float_norm;
extern const NormKernels<double> double_norm;
}  // namespace simd_base

}  // namespace flambeau
