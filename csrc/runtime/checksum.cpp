#include "runtime/checksum.h"

#include <array>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {

namespace {

constexpr uint32_t polynomial = 0xEDB88320;  // bits reversed

/// The remainders of all bytes.
constexpr std::array<uint32_t, 256> remainders = [] {
  std::array<uint32_t, 256> made{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t r = i;
    for (int bit = 0; bit < 8; ++bit) r = r >> 1 ^ (r & 1 ? polynomial : 0);
    made[i] = r;
  }
  return made;
}();

uint32_t by_bytes(const uint8_t* p, size_t n, uint32_t crc) {
  for (size_t i = 0; i < n; ++i) crc = crc >> 8 ^ remainders[(crc ^ p[i]) & 255];
  return crc;
}

#if defined(__x86_64__)
/// What stands ahead by 128 bits more than `by` tells, moved onto `next`.
[[gnu::target("pclmul,sse4.1"), gnu::always_inline]] inline __m128i folded(__m128i x, __m128i by,
                                                                           __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(x, by, 0x00), high = _mm_clmulepi64_si128(x, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/// At least 64 bytes, a multiple of 16, by products without carries.
/// Source: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel
/// 2009; the constants are its, for this polynomial.
[[gnu::target("pclmul,sse4.1")]] uint32_t by_folding(const uint8_t* p, size_t n, uint32_t crc) {
  auto load = [](const uint8_t* from) __attribute__((target("pclmul,sse4.1"), always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const __m128i by_512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
                by_128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0),
                by_64 = _mm_set_epi64x(0, 0x0163cd6124),
                reduce = _mm_set_epi64x(0x01f7011641, 0x01db710641),
                low_words = _mm_setr_epi32(~0, 0, ~0, 0);
  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(static_cast<int>(crc))), b = load(p + 16),
          c = load(p + 32), d = load(p + 48);
  for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
    a = folded(a, by_512, load(p));
    b = folded(b, by_512, load(p + 16));
    c = folded(c, by_512, load(p + 32));
    d = folded(d, by_512, load(p + 48));
  }
  a = folded(folded(folded(a, by_128, b), by_128, c), by_128, d);
  for (; n >= 16; p += 16, n -= 16) a = folded(a, by_128, load(p));
  // 128 bits to 64, and these to the remainder.
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_128, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4),
                    _mm_clmulepi64_si128(_mm_and_si128(a, low_words), by_64, 0x00));
  __m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low_words), reduce, 0x10);
  t = _mm_clmulepi64_si128(_mm_and_si128(t, low_words), reduce, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, t), 1));
}
#endif

}  // namespace

uint32_t crc32(const void* bytes, size_t n, uint32_t before) {
  const auto* p = static_cast<const uint8_t*>(bytes);
  uint32_t crc = ~before;
#if defined(__x86_64__)
  static const bool folds = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  if (folds && n >= 64) {
    const size_t whole = n / 16 * 16;
    crc = by_folding(p, whole, crc);
    p += whole;
    n -= whole;
  }
#endif
  return ~by_bytes(p, n, crc);
}

}  // namespace flambeau
