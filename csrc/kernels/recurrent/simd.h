// The gates of recurrences over rows of one step, compiled for each instruction set
// (as conv/simd.h). Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct LstmKernels {
  int lanes;

  /// One row of n units: sums (4, n) of the gates i, f, g, o are what the state gives plus x; gates
  /// become their activations, c' = f c + i g in place, h = o tanh(c').
  void (*step)(int64_t n, const T* x, T* gates, T* c, T* h);

  /// The row's gradients: from those of h and of c', and c as it was before the step, those of the
  /// sums (4, n), and that of c in place of that of c'.
  void (*backward)(int64_t n, const T* gates, const T* c, const T* grad_h, T* grad_c, T* grad_sums);
};

template <class T>
struct GruKernels {
  /// One row of n units: sums (3, n) of the gates r, z, n are what the state gives, which r
  /// multiplies in the last one before x is added; h' = n + z (h - n) in place. gates (4, n): r, z,
  /// n and the last of the sums; or null.
  void (*step)(int64_t n, const T* x, const T* sums, T* h, T* gates);

  /// The row's gradients from that of h': of x and of the sums (3, n), and in place that of h but
  /// for what comes by the sums.
  void (*backward)(int64_t n, const T* gates, const T* h, T* grad_h, T* grad_x, T* grad_sums);
};

/// The kernels for this machine. T: float, double.
template <class T>
const LstmKernels<T>& lstm_kernels();
template <class T>
const GruKernels<T>& gru_kernels();

namespace simd_avx512 {
extern const LstmKernels<float> float_lstm;
extern const LstmKernels<double> double_lstm;
extern const GruKernels<float> float_gru;
extern const GruKernels<double> double_gru;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const LstmKernels<float> float_lstm;
extern const LstmKernels<double> double_lstm;
extern const GruKernels<float> float_gru;
extern const GruKernels<double> double_gru;
}  // namespace simd_avx2
namespace simd_base {
extern const LstmKernels<float> float_lstm;
extern const LstmKernels<double> double_lstm;
extern const GruKernels<float> float_gru;
extern const GruKernels<double> double_gru;
}  // namespace simd_base

}  // namespace flambeau
