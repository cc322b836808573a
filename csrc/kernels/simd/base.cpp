#include <limits>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/simd/tables.h"
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
#include "kernels/simd/maths_body.h"
/// As many bytes as a vector has 32-bit lanes, widened, and numbers from 0 to 255 as bytes.
inline __attribute__((always_inline)) Vec<int32_t>::type load_bytes(const uint8_t* from) {
  return Vec<int32_t>::type{from[0], from[1], from[2], from[3]};
}
inline __attribute__((always_inline)) void store_bytes(uint8_t* to, Vec<int32_t>::type value) {
  for (int l = 0; l < Vec<int32_t>::lanes; ++l) to[l] = static_cast<uint8_t>(value[l]);
}
/// Copies eight numbers; whether they are all from 0 to end - 1.
inline bool eight_within(const int64_t* x, int64_t end, int64_t* to) {
  uint64_t signs = 0;
  for (int i = 0; i < 8; ++i) {
    to[i] = x[i];
    signs |= static_cast<uint64_t>(to[i]) |
             (static_cast<uint64_t>(end - 1) - static_cast<uint64_t>(to[i]));
  }
  return !(signs >> 63);
}
/// Whole numbers, of two as near the even one; NaN stays.
template <class V>
inline __attribute__((always_inline)) V nearest_whole(V x) {
  using T = std::remove_cvref_t<decltype(x[0])>;
  // From here on no number has a place for a fraction.
  constexpr T whole = std::is_same_v<T, float> ? T(1 << 23) : T(int64_t{1} << 52);
  const V shift = x < 0 ? splat(-whole) : splat(whole);
  const V size = x < 0 ? -x : x;
  return size < whole ? (x + shift) - shift : x;
}
/// Of the lower halves of each lane.
inline __attribute__((always_inline)) Vec<uint64_t>::type product_of_halves(Vec<uint64_t>::type a,
                                                                            Vec<uint64_t>::type b) {
  return (a & 0xffffffff) * (b & 0xffffffff);
}
template <class V>
inline __attribute__((always_inline)) V square_root(V x) {
  for (int l = 0; l < static_cast<int>(sizeof(V) / sizeof(x[0])); ++l)
    x[l] = sizeof(x[0]) == 4 ? __builtin_sqrtf(x[l]) : __builtin_sqrt(x[l]);
  return x;
}
#include "kernels/simd/bodies.h"
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

static const ResizeTable& resizing() {
  return for_cpu(simd_base::resize, simd_avx2::resize, simd_avx512::resize);
}
template <>
const ResizeKernels<float>& resize_kernels() {
  return resizing().floats;
}
template <>
const ResizeKernels<double>& resize_kernels() {
  return resizing().doubles;
}
template <>
const ResizeKernels<uint8_t>& resize_kernels() {
  return resizing().bytes;
}
const PixelKernels& pixel_kernels() { return resizing().pixels; }

template <>
const GridKernels<float>& grid_kernels() {
  return for_cpu(simd_base::float_grid, simd_avx2::float_grid, simd_avx512::float_grid);
}

template <>
const GridKernels<double>& grid_kernels() {
  return for_cpu(simd_base::double_grid, simd_avx2::double_grid, simd_avx512::double_grid);
}

template <>
const StackKernels<float>& stack_kernels() {
  return for_cpu(simd_base::float_stacks, simd_avx2::float_stacks, simd_avx512::float_stacks);
}

template <>
const StackKernels<double>& stack_kernels() {
  return for_cpu(simd_base::double_stacks, simd_avx2::double_stacks, simd_avx512::double_stacks);
}

const DropoutKernels& dropout_kernels() {
  return for_cpu(simd_base::float_dropout, simd_avx2::float_dropout, simd_avx512::float_dropout);
}

template <>
const LstmKernels<float>& lstm_kernels() {
  return for_cpu(simd_base::float_lstm, simd_avx2::float_lstm, simd_avx512::float_lstm);
}

template <>
const LstmKernels<double>& lstm_kernels() {
  return for_cpu(simd_base::double_lstm, simd_avx2::double_lstm, simd_avx512::double_lstm);
}

template <>
const GruKernels<float>& gru_kernels() {
  return for_cpu(simd_base::float_gru, simd_avx2::float_gru, simd_avx512::float_gru);
}

template <>
const GruKernels<double>& gru_kernels() {
  return for_cpu(simd_base::double_gru, simd_avx2::double_gru, simd_avx512::double_gru);
}

template <>
const NormKernels<float>& norm_kernels() {
  return for_cpu(simd_base::float_norm, simd_avx2::float_norm, simd_avx512::float_norm);
}

template <>
const NormKernels<double>& norm_kernels() {
  return for_cpu(simd_base::double_norm, simd_avx2::double_norm, simd_avx512::double_norm);
}

template <>
const ColumnKernels<float>& column_kernels() {
  return for_cpu(simd_base::float_columns, simd_avx2::float_columns, simd_avx512::float_columns);
}

template <>
const CtcKernels<float>& ctc_kernels() {
  return for_cpu(simd_base::float_ctc, simd_avx2::float_ctc, simd_avx512::float_ctc);
}

template <>
const ColumnKernels<double>& column_kernels() {
  return for_cpu(simd_base::double_columns, simd_avx2::double_columns, simd_avx512::double_columns);
}

template <>
const CtcKernels<double>& ctc_kernels() {
  return for_cpu(simd_base::double_ctc, simd_avx2::double_ctc, simd_avx512::double_ctc);
}

const LogSumKernels& log_sum_kernels() {
  return for_cpu(simd_base::log_sums, simd_avx2::log_sums, simd_avx512::log_sums);
}

}  // namespace flambeau
