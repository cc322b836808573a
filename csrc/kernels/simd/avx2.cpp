#include <limits>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/simd/tables.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")  // below the includes: see simd/avx512.cpp
#endif

namespace flambeau::simd_avx2 {
#if defined(__x86_64__)
#include "kernels/simd/avx2_vectors.h"
// 16 registers: 12 sums, 3 operands, 1 in flight.
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
/// Lanes [begin, end).
template <class T>
using Span = __m256i;
constexpr bool has_spans = true;
template <class T>
inline __attribute__((always_inline)) __m256i span_of(int begin, int end) {
  if constexpr (sizeof(T) == 4) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), lane),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
  } else {
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    return _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_set1_epi64x(begin), lane),
                               _mm256_cmpgt_epi64(_mm256_set1_epi64x(end), lane));
  }
}
#include "kernels/conv/simd_body.h"
#include "kernels/simd/maths_body.h"
/// As many bytes as a vector has 32-bit lanes, widened, and numbers from 0 to 255 as bytes.
inline __attribute__((always_inline)) Vec<int32_t>::type load_bytes(const uint8_t* from) {
  return (Vec<int32_t>::type)_mm256_cvtepu8_epi32(
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
inline __attribute__((always_inline)) void store_bytes(uint8_t* to, Vec<int32_t>::type value) {
  const __m128i pairs = _mm_packus_epi32(_mm256_castsi256_si128((__m256i)value),
                                         _mm256_extracti128_si256((__m256i)value, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(pairs, pairs));
}
/// Copies eight numbers; whether they are all from 0 to end - 1: the sign of one below 0, and of
/// the room left above one.
inline __attribute__((always_inline)) bool eight_within(const int64_t* x, int64_t end,
                                                        int64_t* to) {
  const __m256i last = _mm256_set1_epi64x(end - 1);
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)),
                b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 4));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 4), b);
  const __m256i bad = _mm256_or_si256(_mm256_or_si256(a, _mm256_sub_epi64(last, a)),
                                      _mm256_or_si256(b, _mm256_sub_epi64(last, b)));
  return !_mm256_movemask_pd(_mm256_castsi256_pd(bad));
}
/// Whole numbers, of two as near the even one; NaN stays.
inline __attribute__((always_inline)) __m256 nearest_whole(__m256 x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __attribute__((always_inline)) __m256d nearest_whole(__m256d x) {
  return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// Of the lower halves of each lane.
inline __attribute__((always_inline)) Vec<uint64_t>::type product_of_halves(Vec<uint64_t>::type a,
                                                                            Vec<uint64_t>::type b) {
  return (Vec<uint64_t>::type)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
inline __attribute__((always_inline)) __m256 square_root(__m256 x) { return _mm256_sqrt_ps(x); }
inline __attribute__((always_inline)) __m256d square_root(__m256d x) { return _mm256_sqrt_pd(x); }
#include "kernels/simd/bodies.h"
#else
#include "kernels/simd/no_bodies.h"
#endif
}  // namespace flambeau::simd_avx2
