// Fourier transforms of as many signals as a vector has lanes, compiled for each instruction set
// (as conv/simd.h). In lanes form the point j of all signals is two vectors, real parts at 2 j and
// imaginary parts at 2 j + 1. Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// One Stockham step: radix * m points of s transforms side by side. roots[(p * (radix - 1) + k -
/// 1)
/// * 2 + part] is exp(-2 pi i p k / (radix m)). A radix without code of its own has `circle`: the
/// cosines, then the sines, of 2 pi k / radix.
template <class T>
struct FourierStep {
  int radix;
  int64_t m, s;
  const T* roots;
  const T* circle;
};

template <class T>
struct FourierKernels {
  int lanes;
  /// `lanes` rows of n numbers (2 a complex point), times scale, into lanes form; swap exchanges
  /// the vectors of each pair.
  void (*load_rows)(const T* const* rows, int64_t n, T scale, bool swap, T* to);
  /// The first `count` lanes back to rows.
  void (*store_rows)(const T* from, int64_t n, bool swap, T* const* rows, int count);
  /// n complex points of `count` signals side by side, `step` numbers from one point to the next.
  void (*load_columns)(const T* from, int64_t step, int64_t n, int count, T scale, bool swap,
                       T* to);
  void (*store_columns)(const T* from, int64_t n, bool swap, T* to, int64_t step, int count);
  /// The forward transform of `data`; gives data or spare, where the result lies.
  T* (*transform)(const FourierStep<T>* steps, int n_steps, T* data, T* spare);
  /// to[k] = from[k] * factors[k] for n complex points of every lane. Swaps parts before, after.
  void (*multiply)(const T* from, const T* factors, int64_t n, bool swap_in, bool swap_out, T* to);
  /// data[k] *= factors[k] * lane_roots[k], one number for all lanes times one for each.
  void (*rotate)(T* data, const T* factors, const T* lane_roots, int64_t n);
  /// From the transform of n complex points x[2 j] + i x[2 j + 1] the first n + 1 coefficients of
  /// the real signal x, in place; roots[k] is exp(-2 pi i k / (2 n)). sign -1 conjugates them.
  void (*split_half)(T* data, const T* roots, int64_t n, T sign);
  /// From n + 1 coefficients n points whose inverse transform is x[2 j] + i x[2 j + 1], parts
  /// swapped, in place. sign -1 conjugates the coefficients first.
  void (*join_half)(T* data, const T* roots, int64_t n, T sign);
};

/// The kernels for this machine. T: float, double.
template <class T>
const FourierKernels<T>& fourier_kernels();

namespace simd_avx512 {
extern const FourierKernels<float> float_fourier;
extern const FourierKernels<double> double_fourier;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const FourierKernels<float> float_fourier;
extern const FourierKernels<double> double_fourier;
}  // namespace simd_avx2
namespace simd_base {
extern const FourierKernels<float> float_fourier;
extern const FourierKernels<double> double_fourier;
}  // namespace simd_base

}  // namespace flambeau
