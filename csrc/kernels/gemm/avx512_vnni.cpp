#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/words.h"
#include "runtime/cpu.h"

// Set below the includes, as in avx512.cpp.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma,prefer-vector-width=512")
#endif

namespace flambeau {

#if defined(__x86_64__)
namespace {

#include "kernels/gemm/words_avx512_body.h"

struct Pairs {
  template <class V>
  inline __attribute__((always_inline)) V operator()(V sum, V b, V a) const {
    return (V)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)b, (__m512i)a);
  }
};
/// One side counts as unsigned, the other as signed: the low 8 bits do not tell.
struct Fours {
  template <class V>
  inline __attribute__((always_inline)) V operator()(V sum, V b, V a) const {
    return (V)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)b, (__m512i)a);
  }
};

}  // namespace

const IntegerDots& integer_dots() {
  static const bool has = cpu_level() == CpuLevel::avx512 && __builtin_cpu_supports("avx512vnni");
  static constexpr IntegerDots kernels = {word_kernels<Fours, uint8_t, uint32_t, uint32_t, 4>(),
                                          word_kernels<Pairs, uint16_t, uint32_t, uint32_t, 2>()};
  static constexpr IntegerDots none = {};
  return has ? kernels : none;
}
#else
const IntegerDots& integer_dots() {
  static constexpr IntegerDots none = {};
  return none;
}
#endif

}  // namespace flambeau
