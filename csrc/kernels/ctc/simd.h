// Steps over the states of connectionist temporal classification, compiled for each instruction set
// (as conv/simd.h). Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct CtcKernels {
  int lanes;
  /// to = log(exp(from) + exp(one) + exp(two + skip)) + emitted; n is a multiple of `lanes`.
  void (*step)(int64_t n, const T* from, const T* one, const T* two, const T* skip,
               const T* emitted, T* to);
  /// to = exp(alpha + beta - emitted + loss), for n as above.
  void (*posterior)(int64_t n, const T* alpha, const T* beta, const T* emitted, T loss, T* to);
  /// to = exp(x), NaN for -infinity; any n.
  void (*exponentials)(int64_t n, const T* x, T* to);
};

/// The kernels for this machine. T: float, double.
template <class T>
const CtcKernels<T>& ctc_kernels();

namespace simd_avx512 {
extern const CtcKernels<float> float_ctc;
extern const CtcKernels<double> double_ctc;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const CtcKernels<float> float_ctc;
extern const CtcKernels<double> double_ctc;
}  // namespace simd_avx2
namespace simd_base {
extern const CtcKernels<float> float_ctc;
extern const CtcKernels<double> double_ctc;
}  // namespace simd_base

}  // namespace flambeau
