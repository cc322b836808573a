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

/// The same of the columns that `lanes` has.
inline __attribute__((always_inline)) void store_rounded(__m512 low, __m512 high, __mmask32 lanes,
                                                         uint16_t* to) {
  if (denormal(low) | denormal(high)) [[unlikely]] {
    _mm256_mask_storeu_epi16(to, static_cast<__mmask16>(lanes), rounded_exactly(low));
    _mm256_mask_storeu_epi16(to + 16, static_cast<__mmask16>(lanes >> 16), rounded_exactly(high));
  } else {
    _mm512_mask_storeu_epi16(to, lanes, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

/// Some rows of 32 * halves columns of a product that is not deep, from registers; of the last 32
/// those that `lanes` has.
template <int rows, int halves, bool relu>
inline __attribute__((always_inline)) void narrow_tile(const NarrowTask& t, int64_t i, int64_t j,
                                                       __mmask32 lanes) {
  constexpr int vectors = 2 * halves;
  __m512 sums[rows][vectors] = {};
  const uint32_t *a = t.a + i * t.a_row, *b = t.b + j;
  for (int64_t w = 0; w < t.n_words; ++w, a += t.a_word, b += t.b_row)
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const auto word = splat<uint32_t>(a[r * t.a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sums[r][v] = Pairs()(sums[r][v], load(b + 16 * v), word);
    }
  const __m512 nothing = _mm512_set1_ps(-0.0f);  // x + -0 is x, 0 and -0 too
  uint16_t* to = t.to + i * t.to_row + j;
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r, to += t.to_row) {
    if (t.bias || relu)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        sums[r][v] =
            finished<relu>(sums[r][v], t.bias ? _mm512_loadu_ps(t.bias + j + 16 * v) : nothing);
#pragma GCC unroll 2
    for (int half = 0; half < halves; ++half)
      if (half < halves - 1)
        store_rounded(sums[r][2 * half], sums[r][2 * half + 1], to + 32 * half);
      else
        store_rounded(sums[r][2 * half], sums[r][2 * half + 1], lanes, to + 32 * half);
  }
}

template <int halves, bool relu>
void narrow_columns_of(const NarrowTask& task, int64_t j) {
  const int64_t left = task.N - j - 32 * (halves - 1);
  const __mmask32 lanes = left >= 32 ? ~0u : (1u << left) - 1u;
  int64_t i = 0;
  for (; i + 4 <= task.M; i += 4) narrow_tile<4, halves, relu>(task, i, j, lanes);
  for (; i < task.M; ++i) narrow_tile<1, halves, relu>(task, i, j, lanes);
}

template <bool relu>
void narrow_rows(const NarrowTask& task) {
  int64_t j = 0;
  for (; task.N - j > narrow_columns / 2; j += narrow_columns) narrow_columns_of<2, relu>(task, j);
  if (j < task.N) narrow_columns_of<1, relu>(task, j);
}

void narrow(const NarrowTask& task) { (task.relu ? narrow_rows<true> : narrow_rows<false>)(task); }

/// Words of two rows, columns 0-3, 8-11, ... in the first vector and the others in the second; as
/// floats back in order.
inline __attribute__((always_inline)) __m512i words_of_rows(__m512i first, __m512i second,
                                                            bool others) {
  return others ? _mm512_maskz_unpackhi_epi16(~0u, first, second)
                : _mm512_maskz_unpacklo_epi16(~0u, first, second);
}
inline __attribute__((always_inline)) __m512 in_order(__m512 these, __m512 others, int half) {
  const __m512i low = _mm512_set_epi32(23, 22, 21, 20, 7, 6, 5, 4, 19, 18, 17, 16, 3, 2, 1, 0);
  const __m512i places = half ? _mm512_add_epi32(low, _mm512_set1_epi32(8)) : low;
  return _mm512_maskz_permutex2var_ps(0xffff, these, places, others);
}

/// M rows of `halves` times 32 columns, or less. What is fetched lies behind these in B's rows.
template <int M, int halves, bool whole, bool fetch>
inline __attribute__((always_inline)) void rows_tile(const RowsTask& t, int64_t i, int64_t j) {
  constexpr int vectors = 2 * halves;
  using Word = LooseWord<uint32_t>::type;
  const auto* a = static_cast<const Word*>(t.a) + i * t.a_row;
  const int64_t left = t.N - j - 32 * (halves - 1);
  const __mmask32 last_lanes = left >= 32 ? ~0u : (1u << left) - 1u;
  auto half_row = [&](const uint16_t* from, int half) __attribute__((always_inline)) {
    return whole || half < halves - 1 ? _mm512_loadu_epi16(from + 32 * half)
                                      : _mm512_maskz_loadu_epi16(last_lanes, from + 32 * half);
  };
  float* to = t.sums + i * t.sums_row + j;
  __m512 sums[M][vectors] = {};
  if (!t.first)
#pragma GCC unroll 8
    for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sums[r][v] = _mm512_loadu_ps(to + r * t.sums_row + 16 * v);
  for (int64_t w = 0; w < t.n_words; ++w) {
    const uint16_t *one = t.b + 2 * w * t.b_row + j, *two = one + t.b_row;
    const bool has_two = !(t.odd && w + 1 == t.n_words);
    __m512i words[vectors];
#pragma GCC unroll 2
    for (int half = 0; half < halves; ++half) {
      const __m512i first = half_row(one, half), second = has_two ? half_row(two, half) : __m512i{};
      words[2 * half] = words_of_rows(first, second, false);
      words[2 * half + 1] = words_of_rows(first, second, true);
    }
    if constexpr (fetch) {
#pragma GCC unroll 2
      for (int line = 0; line < 2; ++line) {
        __builtin_prefetch(one + rows_columns + 32 * line);
        __builtin_prefetch(two + rows_columns + 32 * line);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < M; ++r) {
      const auto word = splat<uint32_t>(a[r * t.a_row + w]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        sums[r][v] = Pairs()(sums[r][v], (Vec<uint32_t>::type)words[v], word);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      _mm512_storeu_ps(to + r * t.sums_row + 16 * v,
                       t.last ? in_order(sums[r][v & ~1], sums[r][v | 1], v & 1) : sums[r][v]);
}

template <int halves, bool whole, bool fetch>
void rows_tile_of(int m, const RowsTask& task, int64_t i, int64_t j) {
  switch (m) {
    case 1: return rows_tile<1, halves, whole, fetch>(task, i, j);
    case 2: return rows_tile<2, halves, whole, fetch>(task, i, j);
    case 3: return rows_tile<3, halves, whole, fetch>(task, i, j);
    case 4: return rows_tile<4, halves, whole, fetch>(task, i, j);
    case 5: return rows_tile<5, halves, whole, fetch>(task, i, j);
    default: return rows_tile<6, halves, whole, fetch>(task, i, j);
  }
}

void few_rows(const RowsTask& task) {
  constexpr int most = 6;
  const int64_t n_tiles = (task.M + most - 1) / most;
  for (int64_t j = 0; j < task.N; j += rows_columns)
    for (int64_t tile = 0; tile < n_tiles; ++tile) {
      const int64_t i = tile * task.M / n_tiles;
      const int m = static_cast<int>((tile + 1) * task.M / n_tiles - i);
      if (task.N - j <= rows_columns / 2)
        rows_tile_of<1, false, false>(m, task, i, j);
      else if (task.N - j < rows_columns)
        rows_tile_of<2, false, false>(m, task, i, j);
      else if (tile == 0)
        rows_tile_of<2, true, true>(m, task, i, j);
      else
        rows_tile_of<2, true, false>(m, task, i, j);
    }
}

/// The sums of four vectors.
inline __attribute__((always_inline)) __m128 sums_of_four(const __m512* x) {
  const __m512 a = _mm512_add_ps(_mm512_maskz_unpacklo_ps(0xffff, x[0], x[1]),
                                 _mm512_maskz_unpackhi_ps(0xffff, x[0], x[1]));
  const __m512 b = _mm512_add_ps(_mm512_maskz_unpacklo_ps(0xffff, x[2], x[3]),
                                 _mm512_maskz_unpackhi_ps(0xffff, x[2], x[3]));
  const __m512 c = _mm512_add_ps(
      __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
      __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31));
  return __builtin_shufflevector(c, c, 0, 1, 2, 3) + __builtin_shufflevector(c, c, 4, 5, 6, 7) +
         (__builtin_shufflevector(c, c, 8, 9, 10, 11) +
          __builtin_shufflevector(c, c, 12, 13, 14, 15));
}

/// Dot products of M rows with four, of which `width` are there.
template <int M>
void dots_tile(const DotsTask& t, int64_t i, int64_t j, int64_t width) {
  constexpr int columns = 4;
  const auto* a = static_cast<const uint16_t*>(t.a) + i * t.a_row;
  const uint16_t* b[columns];
  for (int c = 0; c < columns; ++c)
    b[c] = static_cast<const uint16_t*>(t.b) + (j + (c < width ? c : 0)) * t.b_row;
  __m512 sums[M][columns] = {};
  auto add = [&](auto&& vector) __attribute__((always_inline)) {
    Vec<uint32_t>::type y[columns];
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) y[c] = (Vec<uint32_t>::type)vector(b[c]);
#pragma GCC unroll 8
    for (int r = 0; r < M; ++r) {
      const auto x = (Vec<uint32_t>::type)vector(a + r * t.a_row);
#pragma GCC unroll 4
      for (int c = 0; c < columns; ++c) sums[r][c] = Pairs()(sums[r][c], y[c], x);
    }
  };
  int64_t k = 0;
  for (; k + 32 <= t.K; k += 32)
    add([&](const uint16_t* from)
            __attribute__((always_inline)) { return _mm512_loadu_epi16(from + k); });
  if (k < t.K) {
    const __mmask32 rest = (1u << (t.K - k)) - 1u;
    add([&](const uint16_t* from)
            __attribute__((always_inline)) { return _mm512_maskz_loadu_epi16(rest, from + k); });
  }
#pragma GCC unroll 8
  for (int r = 0; r < M; ++r) {
    const __m128 found = sums_of_four(sums[r]);
    float* to = t.sums + (i + r) * t.sums_row + j;
    if (width == columns)
      _mm_storeu_ps(to, found);
    else
      for (int c = 0; c < width; ++c) to[c] = found[c];
  }
}

void few_dots(const DotsTask& task) {
  constexpr int most = 6;
  const int64_t n_tiles = (task.M + most - 1) / most;
  for (int64_t j = 0; j < task.N; j += 4)
    for (int64_t tile = 0; tile < n_tiles; ++tile) {
      const int64_t i = tile * task.M / n_tiles, width = task.N - j < 4 ? task.N - j : 4;
      switch ((tile + 1) * task.M / n_tiles - i) {
        case 1: dots_tile<1>(task, i, j, width); break;
        case 2: dots_tile<2>(task, i, j, width); break;
        case 3: dots_tile<3>(task, i, j, width); break;
        case 4: dots_tile<4>(task, i, j, width); break;
        case 5: dots_tile<5>(task, i, j, width); break;
        default: dots_tile<6>(task, i, j, width); break;
      }
    }
}

constexpr WordKernels<uint32_t, float> pair_kernels() {
  WordKernels<uint32_t, float> kernels = word_kernels<Pairs, uint16_t, uint32_t, float, 2>();
  kernels.round = round_rows;
  kernels.narrow = narrow;
  kernels.few_rows = few_rows;
  kernels.few_dots = few_dots;
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
