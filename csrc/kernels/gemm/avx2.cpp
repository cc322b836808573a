#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")  // below the includes: see gemm/avx512.cpp
#endif

namespace flambeau::gemm_avx2 {
#if defined(__x86_64__)
constexpr int vector_bytes = 32;

// 16 registers: up to 12 sums, the vectors of B, one element of A.
constexpr int most_rows(int vectors) {
  constexpr int table[] = {0, 8, 6, 4, 2, 2, 2};
  return table[vectors];
}
constexpr int panel_vectors = 2, wide_vectors = 4;
constexpr int dots_columns(int rows) { return rows == 1 ? 8 : rows == 2 ? 4 : rows == 3 ? 3 : 2; }

inline __attribute__((always_inline)) __m256 multiply_add(__m256 a, __m256 b, __m256 sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m256d multiply_add(__m256d a, __m256d b, __m256d sum) {
  return _mm256_fmadd_pd(a, b, sum);
}

/// All bits set in the first n lanes.
template <class T>
inline __attribute__((always_inline)) __m256i mask_of(int n) {
  if constexpr (sizeof(T) == 4)
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  else
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
inline __attribute__((always_inline)) __m256 load_some(const float* from, __m256i mask) {
  return _mm256_maskload_ps(from, mask);
}
inline __attribute__((always_inline)) __m256d load_some(const double* from, __m256i mask) {
  return _mm256_maskload_pd(from, mask);
}
inline __attribute__((always_inline)) void store_some(float* to, __m256 value, __m256i mask) {
  _mm256_maskstore_ps(to, mask, value);
}
inline __attribute__((always_inline)) void store_some(double* to, __m256d value, __m256i mask) {
  _mm256_maskstore_pd(to, mask, value);
}

/// Pairs of 16-bit products, added up.
template <class V>
inline __attribute__((always_inline)) V multiply_pairs(V a, V b) {
  return (V)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
constexpr int word_rows = 4, word_vectors = 2;
#include "kernels/gemm/simd_body.h"
// Uses the vector that simd_body.h includes.
#include "kernels/gemm/integers_body.h"
#else
extern const GemmKernels<float> float_kernels = {};
extern const GemmKernels<double> double_kernels = {};
extern const IntegerKernels integer_kernels = {};
#endif
}  // namespace flambeau::gemm_avx2
