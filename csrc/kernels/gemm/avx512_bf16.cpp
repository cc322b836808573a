#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/bfloat16.h"
#include "runtime/cpu.h"

// Set below the includes, as in avx512.cpp.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau {

#if defined(__x86_64__)
namespace {

/// 24 sums of 32 registers, three vectors of B, and pairs of A read as they are needed.
template <int rows>
void tile(int64_t n_pairs, const uint32_t* a, int64_t a_row, const uint32_t* b, float* to) {
  __m512 sums[rows][3];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) sums[i][v] = _mm512_loadu_ps(to + i * pair_columns + 16 * v);
  for (int64_t k = 0; k < n_pairs; ++k, b += pair_columns) {
    __m512i columns[3];
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) columns[v] = _mm512_loadu_si512(b + 16 * v);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const __m512i pair = _mm512_set1_epi32(static_cast<int>(a[i * a_row + k]));
#pragma GCC unroll 3
      for (int v = 0; v < 3; ++v)
        sums[i][v] = _mm512_dpbf16_ps(sums[i][v], (__m512bh)columns[v], (__m512bh)pair);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < 3; ++v) _mm512_storeu_ps(to + i * pair_columns + 16 * v, sums[i][v]);
}

template <int... I>
void any_tile(std::integer_sequence<int, I...>, int rows, int64_t n_pairs, const uint32_t* a,
              int64_t a_row, const uint32_t* b, float* to) {
  (void)((rows == I + 1 && (tile<I + 1>(n_pairs, a, a_row, b, to), true)) || ...);
}

void run_tile(int rows, int64_t n_pairs, const uint32_t* a, int64_t a_row, const uint32_t* b,
              float* to) {
  any_tile(std::make_integer_sequence<int, pair_rows>{}, rows, n_pairs, a, a_row, b, to);
}

}  // namespace

PairTile pair_tile() {
  static const bool has = cpu_level() == CpuLevel::avx512 && __builtin_cpu_supports("avx512bf16");
  return has ? run_tile : nullptr;
}
#else
PairTile pair_tile() { return nullptr; }
#endif

}  // namespace flambeau
