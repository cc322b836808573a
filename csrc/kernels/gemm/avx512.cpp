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
#include "kernels/simd/avx512_vectors.h"

// 32 registers: up to 24 sums, the vectors of B, one element of A. One vector needs more rows: each
// element of A is loaded for a single sum.
constexpr int most_rows(int vectors) {
  constexpr int table[] = {0, 14, 12, 8, 4, 4, 4};
  return table[vectors];
}
constexpr int panel_vectors = 3, wide_vectors = 6;
constexpr bool has_halves = true;  // a Zen 4 multiplies vectors of 64 bytes in two halves
constexpr int dots_columns(int rows) { return rows <= 2 ? 8 : 6; }

inline __attribute__((always_inline)) __m256 multiply_add(__m256 a, __m256 b, __m256 sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m256d multiply_add(__m256d a, __m256d b, __m256d sum) {
  return _mm256_fmadd_pd(a, b, sum);
}
/// The first n lanes.
template <class T>
inline __attribute__((always_inline)) __mmask16 mask_of(int n) {
  return static_cast<__mmask16>((1u << n) - 1);
}
/// Pairs of 16-bit products, added up.
template <class V>
inline __attribute__((always_inline)) V multiply_pairs(V a, V b) {
  return (V)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}
constexpr int word_rows = 8, word_vectors = 3;
#include "kernels/gemm/simd_body.h"
// Use the vector that simd_body.h includes.
#include "kernels/gemm/bfloat16_body.h"
#include "kernels/gemm/integers_body.h"
#else
#include "kernels/gemm/no_bodies.h"
#endif
}  // namespace flambeau::gemm_avx512
