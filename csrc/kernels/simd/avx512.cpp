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

// The target is set below the includes: were it a compiler flag, inline functions of the standard
// library would be compiled for it too, and the linker may keep that copy for every machine.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau::simd_avx512 {
#if defined(__x86_64__)
constexpr int vector_bytes = 64;
// 32 registers: 24 sums, 3 or 4 operands held, the rest in flight.
constexpr int most_m = 8, most_v = 3, most_g = 4, most_x = 6;
inline __attribute__((always_inline)) __m512 multiply_add(__m512 a, __m512 b, __m512 sum) {
  return _mm512_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m512d multiply_add(__m512d a, __m512d b, __m512d sum) {
  return _mm512_fmadd_pd(a, b, sum);
}

/// Lanes [begin, end).
template <class T>
using Span = __mmask16;
constexpr bool has_spans = true;
template <class T>
inline __attribute__((always_inline)) __mmask16 span_of(int begin, int end) {
  return static_cast<__mmask16>((1u << end) - (1u << begin));
}
inline __attribute__((always_inline)) __m512 load_span(const float* from, __mmask16 span) {
  return _mm512_maskz_loadu_ps(span, from);
}
inline __attribute__((always_inline)) __m512d load_span(const double* from, __mmask16 span) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>(span), from);
}
inline __attribute__((always_inline)) void store_span(float* to, __m512 value, __mmask16 span) {
  _mm512_mask_storeu_ps(to, span, value);
}
inline __attribute__((always_inline)) void store_span(double* to, __m512d value, __mmask16 span) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>(span), value);
}
#include "kernels/conv/simd_body.h"
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
constexpr bool has_eight_within = true;
/// Whether eight numbers are all from 0 to end - 1.
inline __attribute__((always_inline)) bool eight_within(const int64_t* x, int64_t end) {
  return !_mm512_cmpge_epu64_mask(_mm512_loadu_si512(x), _mm512_set1_epi64(end));
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
}  // namespace flambeau::simd_avx512
