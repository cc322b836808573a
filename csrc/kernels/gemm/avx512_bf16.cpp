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

/// As bfloat16(float) rounds. The instruction for it makes denormal numbers 0.
inline __attribute__((always_inline)) __m256i rounded(__m512 value) {
  const auto bits = (Vec<uint32_t>::type)value;
  if (!_mm512_testn_epi32_mask((__m512i)bits, _mm512_set1_epi32(0x7f800000)))
    return (__m256i)_mm512_cvtneps_pbh(value);
  const auto high = bits >> 16;
  return _mm512_maskz_cvtepi32_epi16(
      0xffff, (__m512i)(value != value ? high | 0x40 : (bits + 0x7fff + (high & 1)) >> 16));
}

void round_rows(int64_t n_rows, int64_t width, const float* sums, int64_t columns,
                const float* bias, bool relu, uint16_t* to, int64_t to_row) {
  for (int64_t i = 0; i < n_rows; ++i, sums += columns, to += to_row)
    for (int64_t j = 0; j < width; j += 16) {
      const auto lanes =
          static_cast<__mmask16>(width - j < 16 ? (1u << (width - j)) - 1u : 0xffffu);
      __m512 value = _mm512_maskz_loadu_ps(lanes, sums + j);
      if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(lanes, bias + j));
      // A NaN stays one: it is not below 0.
      if (relu)
        value =
            _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(value, __m512{}, _CMP_LT_OQ), __m512{});
      _mm256_mask_storeu_epi16(to + j, lanes, rounded(value));
    }
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
