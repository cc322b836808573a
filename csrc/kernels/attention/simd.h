// Passes over rows of scores, compiled for each instruction set (as conv/simd.h). n is a multiple
// of `lanes`; pointers need not be aligned. Pure loops over raw memory: any thread, no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct AttentionKernels {
  int lanes;
  /// x = -infinity where it is not visible, the byte of a bool tensor being 0; n is any number.
  void (*hide)(T* x, const uint8_t* visible, int64_t n);
  /// The largest of n numbers; NaN is passed over.
  T (*largest)(const T* x, int64_t n);
  /// x = exp(x - from) where x <= from; the sum of the results, NaN if one is.
  T (*exponentials)(T* x, int64_t n, T from);
  /// weights *= factor; slopes = weights * (slopes - mean) * scale. `kept`, if given, are factors
  /// of slopes before, and of weights behind.
  void (*slopes)(T* weights, T* slopes, int64_t n, T factor, T mean, T scale, const T* kept);
};

/// The kernels for this machine. T: float, double.
template <class T>
const AttentionKernels<T>& attention_kernels();

namespace simd_avx512 {
extern const AttentionKernels<float> float_attention;
extern const AttentionKernels<double> double_attention;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const AttentionKernels<float> float_attention;
extern const AttentionKernels<double> double_attention;
}  // namespace simd_avx2
namespace simd_base {
extern const AttentionKernels<float> float_attention;
extern const AttentionKernels<double> double_attention;
}  // namespace simd_base

}  // namespace flambeau
