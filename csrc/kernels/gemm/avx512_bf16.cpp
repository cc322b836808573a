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

/// 32 numbers, rounded.
inline __attribute__((always_inline)) void store_rounded(__m512 low, __m512 high, uint16_t* to) {
  if (denormal(low) | denormal(high)) [[unlikely]] {
    _mm256_storeu_epi16(to, rounded_exactly(low));
    _mm256_storeu_epi16(to + 16, rounded_exactly(high));
  } else {
    _mm512_storeu_epi16(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
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
    store_rounded(low, high, to + j);
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

/// Some rows of narrow_columns columns of a product that is not deep, from registers.
template <int rows, bool relu>
inline __attribute__((always_inline)) void narrow_tile(int64_t n_words, const uint32_t* a,
                                                       const uint32_t* b, int64_t b_row,
                                                       const float* bias, int64_t width,
                                                       uint16_t* to, int64_t to_row) {
  constexpr int vectors = narrow_columns / 16;
  __m512 sums[rows][vectors] = {};
  for (int64_t w = 0; w < n_words; ++w, b += b_row)
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      const auto word = splat<uint32_t>(a[i * n_words + w]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sums[i][v] = Pairs()(sums[i][v], load(b + 16 * v), word);
    }
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i, to += to_row) {
    if (width < narrow_columns) {
      float row[narrow_columns];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) _mm512_storeu_ps(row + 16 * v, sums[i][v]);
      round_row<relu>(width, row, bias, to);
      continue;
    }
    if (bias || relu)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        sums[i][v] = finished<relu>(sums[i][v],
                                    bias ? _mm512_loadu_ps(bias + 16 * v) : _mm512_set1_ps(-0.0f));
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v += 2) store_rounded(sums[i][v], sums[i][v + 1], to + 16 * v);
  }
}

template <bool relu>
void narrow_rows(int64_t M, int64_t N, int64_t n_words, const uint32_t* a, const uint32_t* b,
                 int64_t b_row, const float* bias, uint16_t* to, int64_t to_row) {
  for (int64_t j = 0; j < N; j += narrow_columns) {
    auto tile = [&]<int rows>(int64_t i) __attribute__((always_inline)) {
      narrow_tile<rows, relu>(n_words, a + i * n_words, b + j, b_row, bias ? bias + j : nullptr,
                              N - j < narrow_columns ? N - j : narrow_columns, to + i * to_row + j,
                              to_row);
    };
    int64_t i = 0;
    for (; i + 4 <= M; i += 4) tile.template operator()<4>(i);
    for (; i < M; ++i) tile.template operator()<1>(i);
  }
}

void narrow(int64_t M, int64_t N, int64_t n_words, const uint32_t* a, const uint32_t* b,
            int64_t b_row, const float* bias, bool relu, uint16_t* to, int64_t to_row) {
  (relu ? narrow_rows<true> : narrow_rows<false>)(M, N, n_words, a, b, b_row, bias, to, to_row);
}

constexpr WordKernels<uint32_t, float> pair_kernels() {
  WordKernels<uint32_t, float> kernels = word_kernels<Pairs, uint16_t, uint32_t, float, 2>();
  kernels.round = round_rows;
  kernels.narrow = narrow;
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
