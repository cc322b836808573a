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
#include "kernels/simd/avx2_vectors.h"

// 16 registers: up to 12 sums, the vectors of B, one element of A.
constexpr int most_rows(int vectors) {
  constexpr int table[] = {0, 8, 6, 4, 2, 2, 2};
  return table[vectors];
}
constexpr int panel_vectors = 2, wide_vectors = 4;
constexpr bool has_halves = false;
constexpr int dots_columns(int rows) { return rows == 1 ? 8 : rows == 2 ? 4 : rows == 3 ? 3 : 2; }

/// All bits set in the first n lanes.
template <class T>
inline __attribute__((always_inline)) __m256i mask_of(int n) {
  if constexpr (sizeof(T) == 4)
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  else
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
/// Pairs of 16-bit products, added up.
template <class V>
inline __attribute__((always_inline)) V multiply_pairs(V a, V b) {
  return (V)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
constexpr int word_rows = 4, word_vectors = 2;
#include "kernels/gemm/simd_body.h"
// Use the vector that simd_body.h includes.
#include "kernels/gemm/bfloat16_body.h"
#include "kernels/gemm/integers_body.h"
#else
#include "kernels/gemm/no_bodies.h"
#endif
}  // namespace flambeau::gemm_avx2
