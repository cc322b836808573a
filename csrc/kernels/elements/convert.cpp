#include "kernels/elements/convert.h"

#include <bit>

#include "kernels/elements/clones.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {
namespace {

template <class From, class To>
void convert_loop(const From* from, To* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<To>(static_cast<float>(from[i]));
}

// bfloat16's own conversions, without branches that would keep the loops from becoming vectors.
FLAMBEAU_CLONES void widen_bits(const bfloat16* __restrict from, float* __restrict to, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    to[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i].bits) << 16);
}

FLAMBEAU_CLONES void narrow_bits(const float* __restrict from, bfloat16* __restrict to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(from[i]);
    // Both in 32 bits, so that vectors are narrowed once.
    const uint32_t nearest = bits + 0x7fffu + ((bits >> 16) & 1u), quiet = bits | 0x400000u;
    const uint32_t chosen = (bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest;
    to[i].bits = static_cast<uint16_t>(chosen >> 16);
  }
}

FLAMBEAU_CLONES void add_bits(const bfloat16* __restrict from, float* __restrict sums, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    sums[i] += std::bit_cast<float>(static_cast<uint32_t>(from[i].bits) << 16);
}

#if defined(__x86_64__)
const bool has_f16c = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");

__attribute__((target("avx2,f16c"))) void widen_f16c(const float16* from, float* to, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(to + i,
                     _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
  for (; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, from + i, 2);
    to[i] = _cvtsh_ss(bits);
  }
}

__attribute__((target("avx2,f16c"))) void add_f16c(const float16* from, float* sums, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 more =
        _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
    _mm256_storeu_ps(sums + i, _mm256_add_ps(_mm256_loadu_ps(sums + i), more));
  }
  for (; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, from + i, 2);
    sums[i] += _cvtsh_ss(bits);
  }
}

__attribute__((target("avx2,f16c"))) void narrow_f16c(const float* from, float16* to, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(from + i), 0));
  for (; i < n; ++i) {
    uint16_t bits = _cvtss_sh(from[i], 0);
    std::memcpy(to + i, &bits, 2);
  }
}
#endif

}  // namespace

void convert(const float16* from, float* to, int64_t n) {
#if defined(__x86_64__)
  if (has_f16c) return widen_f16c(from, to, n);
#endif
  convert_loop(from, to, n);
}

void convert(const float* from, float16* to, int64_t n) {
#if defined(__x86_64__)
  if (has_f16c) return narrow_f16c(from, to, n);
#endif
  convert_loop(from, to, n);
}

void convert(const bfloat16* from, float* to, int64_t n) { widen_bits(from, to, n); }
void convert(const float* from, bfloat16* to, int64_t n) { narrow_bits(from, to, n); }

void add_converted(const float16* from, float* sums, int64_t n) {
#if defined(__x86_64__)
  if (has_f16c) return add_f16c(from, sums, n);
#endif
  for (int64_t i = 0; i < n; ++i) sums[i] += static_cast<float>(from[i]);
}
void add_converted(const bfloat16* from, float* sums, int64_t n) { add_bits(from, sums, n); }

}  // namespace flambeau
