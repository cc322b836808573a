#include <limits>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/simd/tables.h"

// The target is set below the includes: were it a compiler flag, inline functions of the standard
// library would be compiled for it too, and the linker may keep that copy for every machine.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau::simd_avx512 {
#if defined(__x86_64__)
#include "kernels/simd/avx512_vectors.h"
// 32 registers: 24 sums, 3 or 4 operands held, the rest in flight.
constexpr int most_m = 8, most_v = 3, most_g = 4, most_x = 6;
/// Lanes [begin, end).
template <class T>
using Span = __mmask16;
constexpr bool has_spans = true;
template <class T>
inline __attribute__((always_inline)) __mmask16 span_of(int begin, int end) {
  return static_cast<__mmask16>((1u << end) - (1u << begin));
}
#include "kernels/conv/simd_body.h"
#include "kernels/simd/powers_avx512.h"
#include "kernels/simd/maths_body.h"
/// As many bytes as a vector has 32-bit lanes, widened, and numbers from 0 to 255 as bytes.
inline __attribute__((always_inline)) Vec<int32_t>::type load_bytes(const uint8_t* from) {
  return (Vec<int32_t>::type)_mm512_maskz_cvtepu8_epi32(
      0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline __attribute__((always_inline)) void store_bytes(uint8_t* to, Vec<int32_t>::type value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)value));
}
/// Copies eight numbers; whether they are all from 0 to end - 1.
inline __attribute__((always_inline)) bool eight_within(const int64_t* x, int64_t end,
                                                        int64_t* to) {
  const __m512i all = _mm512_loadu_si512(x);
  _mm512_storeu_si512(to, all);
  return !_mm512_cmpge_epu64_mask(all, _mm512_set1_epi64(end));
}
/// Whole numbers, of two as near the even one; NaN stays. (By the masked form: GCC 12 warns of the
/// other, which begins with an undefined vector.)
inline __attribute__((always_inline)) __m512 nearest_whole(__m512 x) {
  return _mm512_maskz_roundscale_ps(0xffff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __attribute__((always_inline)) __m512d nearest_whole(__m512d x) {
  return _mm512_maskz_roundscale_pd(0xff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// Of the lower halves of each lane.
inline __attribute__((always_inline)) Vec<uint64_t>::type product_of_halves(Vec<uint64_t>::type a,
                                                                            Vec<uint64_t>::type b) {
  return (Vec<uint64_t>::type)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
}
inline __attribute__((always_inline)) __m512 square_root(__m512 x) {
  return _mm512_maskz_sqrt_ps(0xffff, x);
}
inline __attribute__((always_inline)) __m512d square_root(__m512d x) {
  return _mm512_maskz_sqrt_pd(0xff, x);
}
#include "kernels/simd/bodies.h"
#else
#include "kernels/simd/no_bodies.h"
#endif
}  // namespace flambeau::simd_avx512
