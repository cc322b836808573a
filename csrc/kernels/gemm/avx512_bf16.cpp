#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/words.h"
#include "runtime/cpu.h"

// Set below the includes, as in avx512.cpp.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau {

#if defined(__x86_64__)
namespace {

#include "kernels/gemm/words_avx512_body.h"

struct Pairs {
  inline __attribute__((always_inline)) __m512 operator()(__m512 sum, Vec<uint32_t>::type b,
                                                          Vec<uint32_t>::type a) const {
    return _mm512_dpbf16_ps(sum, (__m512bh)b, (__m512bh)a);
  }
};

/// Denormal numbers, which the instruction for rounding makes 0.
inline __attribute__((always_inline)) __mmask16 denormal(__m512 value) {
  return _mm512_fpclass_ps_mask(value, 0x20);
}

/// As bfloat16(float) rounds, one by one.
inline __attribute__((always_inline)) __m256i rounded_exactly(__m512 value) {
  const auto bits = (Vec<uint32_t>::type)value;
  const auto high = bits >> 16;
  return _mm512_maskz_cvtepi32_epi16(
      0xffff, (__m512i)(value != value ? high | 0x40 : (bits + 0x7fff + (high & 1)) >> 16));
}

template <bool relu>
inline __attribute__((always_inline)) __m512 finished(__m512 value, __m512 bias) {
  value = _mm512_add_ps(value, bias);
  // A NaN stays one: it is not below 0.
  if (relu)
    value = _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(value, __m512{}, _CMP_LT_OQ), __m512{});
  return value;
}

template <bool relu>
inline __attribute__((always_inline)) void round_row(int64_t width, const float* sums,
                                                     const float* bias, uint16_t* to) {
  const __m512 nothing = _mm512_set1_ps(-0.0f);  // x + -0 is x, 0 and -0 too
  int64_t j = 0;
  for (; j + 32 <= width; j += 32) {
    const __m512 low = finished<relu>(_mm512_loadu_ps(sums + j),
                                      bias ? _mm512_loadu_ps(bias + j) : nothing),
                 high = finished<relu>(_mm512_loadu_ps(sums + j + 16),
                                       bias ? _mm512_loadu_ps(bias + j + 16) : nothing);
    if (denormal(low) | denormal(high)) [[unlikely]] {
      _mm256_storeu_epi16(to + j, rounded_exactly(low));
      _mm256_storeu_epi16(to + j + 16, rounded_exactly(high));
    } else {
      _mm512_storeu_epi16(to + j, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
  }
  for (; j < width; j += 16) {
    const auto lanes = static_cast<__mmask16>(width - j < 16 ? (1u << (width - j)) - 1u : 0xffffu);
    const __m512 more = bias ? _mm512_maskz_loadu_ps(lanes, bias + j) : nothing;
    const __m512 value = finished<relu>(_mm512_maskz_loadu_ps(lanes, sums + j), more);
    _mm256_mask_storeu_epi16(
        to + j, lanes,
        denormal(value) ? rounded_exactly(value) : (__m256i)_mm512_cvtneps_pbh(value));
  }
}

void round_rows(int64_t n_rows, int64_t width, const float* sums, int64_t columns,
                const float* bias, bool relu, uint16_t* to, int64_t to_row) {
  for (int64_t i = 0; i < n_rows; ++i, sums += columns, to += to_row)
    relu ? round_row<true>(width, sums, bias, to) : round_row<false>(width, sums, bias, to);
}

constexpr WordKernels<uint32_t, float> pair_kernels() {
  WordKernels<uint32_t, float> kernels = word_kernels<Pairs, uint16_t, uint32_t, float, 2>();
  kernels.round = round_rows;
  return kernels;
}

}  // namespace

const WordKernels<uint32_t, float>& bfloat16_pairs() {
  static const bool has = cpu_level() == CpuLevel::avx512 && __builtin_cpu_supports("avx512bf16");
  static constexpr WordKernels<uint32_t, float> kernels = pair_kernels();
  static constexpr WordKernels<uint32_t, float> none = {};
  return has ? kernels : none;
}
#else
const WordKernels<uint32_t, float>& bfloat16_pairs() {
  static constexpr WordKernels<uint32_t, float> none = {};
  return none;
}
#endif

}  // namespace flambeau
