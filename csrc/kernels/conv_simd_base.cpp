#include "kernels/conv_simd.h"

namespace flambeau {
namespace simd_base {
constexpr int vector_bytes = 16;
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
#include "kernels/conv_simd_body.h"
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

template <>
const ConvKernels<float>& conv_kernels() {
  if (level == Level::avx512) return simd_avx512::float_kernels;
  return level == Level::avx2 ? simd_avx2::float_kernels : simd_base::float_kernels;
}

template <>
const ConvKernels<double>& conv_kernels() {
  if (level == Level::avx512) return simd_avx512::double_kernels;
  return level == Level::avx2 ? simd_avx2::double_kernels : simd_base::double_kernels;
}

}  // namespace flambeau
