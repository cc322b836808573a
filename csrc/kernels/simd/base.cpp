#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/attention/simd.h"
#include "kernels/conv/simd.h"
#include "kernels/fft/simd.h"
#include "kernels/pool/simd.h"
#include "kernels/sparse/simd.h"
#include "runtime/cpu.h"

namespace flambeau {
namespace simd_base {
constexpr int vector_bytes = 16;
constexpr int most_m = 4, most_v = 3, most_g = 2, most_x = 6;
template <class V>
inline __attribute__((always_inline)) V multiply_add(V a, V b, V sum) {
  return a * b + sum;
}
// There are no masked loads at this level: what would use them has plain loops beside it.
template <class T>
using Span = int;
constexpr bool has_spans = false;
#include "kernels/conv/simd_body.h"
// The others use the vector that conv/simd_body.h includes.
#include "kernels/attention/simd_body.h"
#include "kernels/fft/simd_body.h"
#include "kernels/pool/simd_body.h"
#include "kernels/sparse/simd_body.h"
}  // namespace simd_base

template <>
const ConvKernels<float>& conv_kernels() {
  return for_cpu(simd_base::float_kernels, simd_avx2::float_kernels, simd_avx512::float_kernels);
}

template <>
const ConvKernels<double>& conv_kernels() {
  return for_cpu(simd_base::double_kernels, simd_avx2::double_kernels, simd_avx512::double_kernels);
}

template <>
const PoolKernels<float>& pool_kernels() {
  return for_cpu(simd_base::float_pool, simd_avx2::float_pool, simd_avx512::float_pool);
}

template <>
const PoolKernels<double>& pool_kernels() {
  return for_cpu(simd_base::double_pool, simd_avx2::double_pool, simd_avx512::double_pool);
}

template <>
const AttentionKernels<float>& attention_kernels() {
  return for_cpu(simd_base::float_attention, simd_avx2::float_attention,
                 simd_avx512::float_attention);
}

template <>
const AttentionKernels<double>& attention_kernels() {
  return for_cpu(simd_base::double_attention, simd_avx2::double_attention,
                 simd_avx512::double_attention);
}

template <>
const FourierKernels<float>& fourier_kernels() {
  return for_cpu(simd_base::float_fourier, simd_avx2::float_fourier, simd_avx512::float_fourier);
}

template <>
const FourierKernels<double>& fourier_kernels() {
  return for_cpu(simd_base::double_fourier, simd_avx2::double_fourier, simd_avx512::double_fourier);
}

template <>
const SparseKernels<float>& sparse_kernels() {
  return for_cpu(simd_base::float_sparse, simd_avx2::float_sparse, simd_avx512::float_sparse);
}

template <>
const SparseKernels<double>& sparse_kernels() {
  return for_cpu(simd_base::double_sparse, simd_avx2::double_sparse, simd_avx512::double_sparse);
}

}  // namespace flambeau
