#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"

// The target is set below the includes: were it a compiler flag, inline functions of the standard
// library would be compiled for it too, and the linker may keep that copy for every machine.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau::gemm_avx512 {
#if defined(__x86_64__)
constexpr int vector_bytes = 64;

// 32 registers: up to 24 sums, the vectors of B, one element of A. One vector needs more rows: each
// element of A is loaded for a single sum.
constexpr int most_rows(int vectors) {
  constexpr int table[] = {0, 14, 12, 8, 4, 4, 4};
  return table[vectors];
}
constexpr int panel_vectors = 3, wide_vectors = 6;
constexpr int dots_columns(int rows) { return rows <= 2 ? 8 : 6; }

inline __attribute__((always_inline)) __m512 multiply_add(__m512 a, __m512 b, __m512 sum) {
  return _mm512_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m512d multiply_add(__m512d a, __m512d b, __m512d sum) {
  return _mm512_fmadd_pd(a, b, sum);
}

/// The first n lanes.
template <class T>
inline __attribute__((always_inline)) __mmask16 mask_of(int n) {
  return static_cast<__mmask16>((1u << n) - 1);
}
inline __attribute__((always_inline)) __m512 load_some(const float* from, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, from);
}
inline __attribute__((always_inline)) __m512d load_some(const double* from, __mmask16 mask) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), from);
}
inline __attribute__((always_inline)) void store_some(float* to, __m512 value, __mmask16 mask) {
  _mm512_mask_storeu_ps(to, mask, value);
}
inline __attribute__((always_inline)) void store_some(double* to, __m512d value, __mmask16 mask) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), value);
}

/// Pairs of 16-bit products, added up.
template <class V>
inline __attribute__((always_inline)) V multiply_pairs(V a, V b) {
  return (V)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}
constexpr int word_rows = 8, word_vectors = 3;
#include "kernels/gemm/simd_body.h"
// Uses the vector that simd_body.h includes.
#include "kernels/gemm/integers_body.h"
#else
extern const GemmKernels<float> float_kernels = {};
extern const GemmKernels<double> double_kernels = {};
extern const IntegerKernels integer_kernels = {};
#endif
}  // namespace flambeau::gemm_avx512
