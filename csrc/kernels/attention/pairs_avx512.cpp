#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/attention/pairs.h"
#include "kernels/gemm/words.h"

// Set below the includes, as in gemm/avx512.cpp.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau {

#if defined(__x86_64__)
namespace {

#include "kernels/simd/powers_avx512.h"

/// The difference comes first: of scores of 1e30 the products with the factor differ by their
/// rounding.
inline __attribute__((always_inline)) __m512 weight(const float* x, __m512 factor, __m512 largest) {
  return power_of_two(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x), largest), factor));
}

void add(float* x, int64_t n, float scale, const uint16_t* mask) {
  int64_t j = 0;
  for (; j + 16 <= n; j += 16) {
    const __m512i bits = _mm512_maskz_cvtepu16_epi32(
        0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + j)));
    const __m512 more = (__m512)_mm512_maskz_slli_epi32(0xffff, bits, 16);
    _mm512_storeu_ps(
        x + j, _mm512_add_ps(_mm512_mul_ps(_mm512_loadu_ps(x + j), _mm512_set1_ps(scale)), more));
  }
  for (; j < n; ++j) {
    const uint32_t bits = uint32_t{mask[j]} << 16;
    float more;
    __builtin_memcpy(&more, &bits, sizeof more);
    x[j] = x[j] * scale + more;
  }
}

/// store(j, numbers j ... j + 15) for all; their sum.
template <class Store>
inline __attribute__((always_inline)) float powers(const float* x, int64_t n, float factor,
                                                   float largest, Store&& store) {
  const __m512 factors = _mm512_set1_ps(factor), all_largest = _mm512_set1_ps(largest);
  __m512 sums[2] = {};
  int64_t j = 0;
  for (; j + 32 <= n; j += 32)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const __m512 value = weight(x + j + 16 * v, factors, all_largest);
      sums[v] = _mm512_add_ps(sums[v], value);
      store(j + 16 * v, value);
    }
  if (j < n) {
    const __m512 value = weight(x + j, factors, all_largest);
    sums[0] = _mm512_add_ps(sums[0], value);
    store(j, value);
  }
  float lanes[16], sum = 0;
  _mm512_storeu_ps(lanes, _mm512_add_ps(sums[0], sums[1]));
  for (float lane : lanes) sum += lane;
  return sum;
}

/// `to` may be x: what is written lies behind what is read.
float weights(const float* x, int64_t n, float factor, float largest, uint16_t* to) {
  return powers(x, n, factor, largest, [&](int64_t j, __m512 value) __attribute__((always_inline)) {
    _mm256_storeu_epi16(to + j, (__m256i)_mm512_cvtneps_pbh(value));
  });
}

float exponentials(float* x, int64_t n, float factor, float largest) {
  return powers(x, n, factor, largest, [&](int64_t j, __m512 value) __attribute__((always_inline)) {
    _mm512_storeu_ps(x + j, value);
  });
}

/// Lane i of two vectors in a word.
inline __attribute__((always_inline)) __m512i together(__m512i rows) {
  const __m512i places =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                       21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_maskz_permutexvar_epi16(0xffffffffu, places, rows);
}

void slopes(const SlopeTile& t) {
  const int64_t columns = 16 * t.vectors;
  const __m512 factor = _mm512_set1_ps(t.factor), scale = _mm512_set1_ps(t.scale);
  for (int64_t pair = 0; pair < t.n_pairs; ++pair)
    for (int64_t j = 0; j < columns; j += 16) {
      __m512 weight_of[2], slope_of[2];
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const int64_t row = 2 * pair + half, at = row * columns + j;
        __m512 w = weight(t.scores + at, factor, _mm512_set1_ps(t.largest[row]));
        w = _mm512_mul_ps(w, _mm512_set1_ps(t.shares[row]));
        const __m512 by = t.kept ? _mm512_loadu_ps(t.kept + at) : _mm512_set1_ps(1.0f);
        const __m512 slope =
            _mm512_fmsub_ps(_mm512_loadu_ps(t.slopes + at), by, _mm512_set1_ps(t.means[row]));
        weight_of[half] = _mm512_mul_ps(w, by);
        slope_of[half] = _mm512_mul_ps(_mm512_mul_ps(w, scale), slope);
      }
      const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(slope_of[1], slope_of[0]);
      uint16_t* rows = t.slope_rows + 2 * pair * t.slope_row + j;
      _mm256_storeu_epi16(rows, (__m256i)__builtin_shufflevector(both, both, 0, 1, 2, 3));
      _mm256_storeu_epi16(rows + t.slope_row,
                          (__m256i)__builtin_shufflevector(both, both, 4, 5, 6, 7));
      _mm512_storeu_si512(t.slope_words + pair * columns + j, together(both));
      _mm512_storeu_si512(t.weight_words + pair * columns + j,
                          together((__m512i)_mm512_cvtne2ps_pbh(weight_of[1], weight_of[0])));
    }
}

constexpr PairPasses passes = {add, weights, exponentials, slopes};

}  // namespace

const PairPasses* pair_passes() { return bfloat16_pairs().lanes ? &passes : nullptr; }
#else
const PairPasses* pair_passes() { return nullptr; }
#endif

}  // namespace flambeau
