#include <type_traits>

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
#include "kernels/conv_simd_body.h"
#include "kernels/pool_simd_body.h"
#else
extern const ConvKernels<float> float_kernels = {};
extern const ConvKernels<double> double_kernels = {};
extern const PoolKernels<float> float_pool = {};
extern const PoolKernels<double> double_pool = {};
#endif
}  // namespace flambeau::simd_avx2
