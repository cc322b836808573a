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

// 24 sums of 32 registers, three vectors of B, and words of A read as they are needed.
constexpr int vector_bytes = 64, word_rows = 8, word_vectors = 3;
#include "kernels/simd/vector_body.h"
// Uses that vector.
#include "kernels/gemm/words_body.h"

struct Pairs {
  inline __attribute__((always_inline)) __m512 operator()(__m512 sum, Vec<uint32_t>::type b,
                                                          Vec<uint32_t>::type a) const {
    return _mm512_dpbf16_ps(sum, (__m512bh)b, (__m512bh)a);
  }
};

}  // namespace

const WordKernels<uint32_t, float>& bfloat16_pairs() {
  static const bool has = cpu_level() == CpuLevel::avx512 && __builtin_cpu_supports("avx512bf16");
  static constexpr WordKernels<uint32_t, float> kernels = word_kernels<Pairs, uint32_t, float>(2);
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
