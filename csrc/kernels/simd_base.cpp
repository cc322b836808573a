#include <type_traits>

#include "kernels/conv_simd.h"
#include "kernels/pool_simd.h"

namespace flambeau {
namespace simd_base {
constexpr int vector_bytes = 16;
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
template <class V>
inline __attribute__((always_inline)) V multiply_add(V a, V b, V sum) {
  return a * b + sum;
}
#include "kernels/conv_simd_body.h"
#include "kernels/pool_simd_body.h"
}  // namespace simd_base

namespace {

enum class Level { base, avx2, avx512 };

Level machine_level() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return Level::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Level::avx2;
#endif
  return Level::base;
}

const Level level = machine_level();

}  // namespace

/// The set of this machine's level.
template <class Kernels>
const Kernels& choose(const Kernels& base, const Kernels& avx2, const Kernels& avx512) {
  if (level == Level::avx512) return avx512;
  return level == Level::avx2 ? avx2 : base;
}

template <>
const ConvKernels<float>& conv_kernels() {
  return choose(simd_base::float_kernels, simd_avx2::float_kernels, simd_avx512::float_kernels);
}

template <>
const ConvKernels<double>& conv_kernels() {
  return choose(simd_base::double_kernels, simd_avx2::double_kernels, simd_avx512::double_kernels);
}

template <>
const PoolKernels<float>& pool_kernels() {
  return choose(simd_base::float_pool, simd_avx2::float_pool, simd_avx512::float_pool);
}

template <>
const PoolKernels<double>& pool_kernels() {
  return choose(simd_base::double_pool, simd_avx2::double_pool, simd_avx512::double_pool);
}

}  // namespace flambeau
