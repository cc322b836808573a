#include <limits>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/attention/simd.h"
#include "kernels/conv/simd.h"
#include "kernels/ctc/simd.h"
#include "kernels/fft/simd.h"
#include "kernels/norm/columns_simd.h"
#include "kernels/norm/simd.h"
#include "kernels/pool/simd.h"
#include "kernels/recurrent/simd.h"
#include "kernels/sparse/simd.h"
#include "kernels/vision/grid_simd.h"
#include "kernels/vision/resize_simd.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")  // below the includes: see simd/avx512.cpp
#endif

namespace flambeau::simd_avx2 {
#if defined(__x86_64__)
constexpr int vector_bytes = 32;
// 16 registers: 12 sums, 3 operands, 1 in flight.
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
inline __attribute__((always_inline)) __m256 multiply_add(__m256 a, __m256 b, __m256 sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m256d multiply_add(__m256d a, __m256d b, __m256d sum) {
  return _mm256_fmadd_pd(a, b, sum);
}

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
inline __attribute__((always_inline)) __m256 load_span(const float* from, __m256i span) {
  return _mm256_maskload_ps(from, span);
}
inline __attribute__((always_inline)) __m256d load_span(const double* from, __m256i span) {
  return _mm256_maskload_pd(from, span);
}
inline __attribute__((always_inline)) void store_span(float* to, __m256 value, __m256i span) {
  _mm256_maskstore_ps(to, span, value);
}
inline __attribute__((always_inline)) void store_span(double* to, __m256d value, __m256i span) {
  _mm256_maskstore_pd(to, span, value);
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
constexpr bool has_eight_within = true;
/// Whether eight numbers are all from 0 to end - 1: the sign of one below 0, and of the room left
/// above one.
inline __attribute__((always_inline)) bool eight_within(const int64_t* x, int64_t end) {
  const __m256i last = _mm256_set1_epi64x(end - 1);
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)),
                b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 4));
  const __m256i bad = _mm256_or_si256(_mm256_or_si256(a, _mm256_sub_epi64(last, a)),
                                      _mm256_or_si256(b, _mm256_sub_epi64(last, b)));
  return !_mm256_movemask_pd(_mm256_castsi256_pd(bad));
}
// The others use the vector that conv/simd_body.h includes.
#include "kernels/attention/simd_body.h"
#include "kernels/ctc/simd_body.h"
#include "kernels/fft/simd_body.h"
#include "kernels/norm/columns_body.h"
#include "kernels/norm/simd_body.h"
#include "kernels/pool/simd_body.h"
#include "kernels/recurrent/simd_body.h"
#include "kernels/sparse/simd_body.h"
#include "kernels/vision/grid_body.h"
#include "kernels/vision/resize_body.h"
#else
extern const ConvKernels<float> float_kernels = {};
extern const ConvKernels<double> double_kernels = {};
extern const PoolKernels<float> float_pool = {};
extern const PoolKernels<double> double_pool = {};
extern const AttentionKernels<float> float_attention = {};
extern const AttentionKernels<double> double_attention = {};
extern const FourierKernels<float> float_fourier = {};
extern const FourierKernels<double> double_fourier = {};
extern const SparseKernels<float> float_sparse = {};
extern const SparseKernels<double> double_sparse = {};
extern const ColumnKernels<float> float_columns = {};
extern const ColumnKernels<double> double_columns = {};
extern const CtcKernels<float> float_ctc = {};
extern const CtcKernels<double> double_ctc = {};
extern const NormKernels<float> float_norm = {};
extern const NormKernels<double> double_norm = {};
extern const LstmKernels<float> float_lstm = {};
extern const LstmKernels<double> double_lstm = {};
extern const ResizeKernels<float> float_resize = {};
extern const ResizeKernels<double> double_resize = {};
extern const ResizeKernels<uint8_t> byte_resize = {};
extern const PixelKernels pixel_resize = {};
extern const GridKernels<float> float_grid = {};
extern const GridKernels<double> double_grid = {};
#endif
}  // namespace flambeau::simd_avx2
