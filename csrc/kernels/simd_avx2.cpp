#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/conv_simd.h"
#include "kernels/pool_simd.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")  // below the includes: see simd_avx512.cpp
#endif

namespace flambeau::simd_avx2 {
#if defined(__x86_64__)
constexpr int vector_bytes = 32;
// 16 registers: 12 sums, 3 operands, 1 in flight.
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
inline __attribute__((always_inline)) __m256 multiply_add(__m256 a, __m256 b, __m256 sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m256d multiply_add(__m256d a, __m256d b, __m256d sum) {
  return _mm256_fmadd_pd(a, b, sum);
}
#include "kernels/conv_simd_body.h"
#include "kernels/pool_simd_body.h"
#else
extern const ConvKernels<float> float_kernels = {};
extern const ConvKernels<double> double_kernels = {};
extern const PoolKernels<float> float_pool = {};
extern const PoolKernels<double> double_pool = {};
#endif
}  // namespace flambeau::simd_avx2
