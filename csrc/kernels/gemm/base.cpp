#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"
#include "runtime/cpu.h"

namespace flambeau {
namespace gemm_base {
constexpr int vector_bytes = 16;

// 16 registers, and none is left for a product without FMA: up to 8 sums.
constexpr int most_rows(int vectors) {
  constexpr int table[] = {0, 6, 4, 2, 2, 1, 1};
  return table[vectors];
}
constexpr int panel_vectors = 2, wide_vectors = 4;
constexpr bool has_halves = false;
constexpr int dots_columns(int rows) { return rows == 1 ? 6 : rows == 2 ? 4 : 2; }

template <class V>
inline __attribute__((always_inline)) V multiply_add(V a, V b, V sum) {
  return a * b + sum;
}

template <class T>
inline __attribute__((always_inline)) int mask_of(int n) {
  return n;
}

typedef float Floats __attribute__((vector_size(16)));
typedef double Doubles __attribute__((vector_size(16)));

/// Lane by lane unless the vector is whole: there are no masked loads at this level.
template <class V, class T>
inline __attribute__((always_inline)) V load_lanes(const T* from, int n) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  V value = {};
  if (n == lanes)
    __builtin_memcpy(&value, from, sizeof(V));
  else
    for (int i = 0; i < lanes - 1; ++i) value[i] = i < n ? from[i] : T(0);
  return value;
}
inline __attribute__((always_inline)) Floats load_some(const float* from, int n) {
  return load_lanes<Floats>(from, n);
}
inline __attribute__((always_inline)) Doubles load_some(const double* from, int n) {
  return load_lanes<Doubles>(from, n);
}
template <class T, class V>
inline __attribute__((always_inline)) void store_some(T* to, V value, int n) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  if (n == lanes)
    __builtin_memcpy(to, &value, sizeof(V));
  else
    for (int i = 0; i < n; ++i) to[i] = value[i];
}

/// Pairs of 16-bit products, added up.
template <class V>
inline __attribute__((always_inline)) V multiply_pairs(V a, V b) {
#if defined(__x86_64__)
  return (V)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return (a & 0xffff) * (b & 0xffff) + (a >> 16) * (b >> 16);
#endif
}
constexpr int word_rows = 4, word_vectors = 2;
#include "kernels/gemm/simd_body.h"
// Use the vector that simd_body.h includes.
#include "kernels/gemm/bfloat16_body.h"
#include "kernels/gemm/integers_body.h"
}  // namespace gemm_base

template <>
const GemmKernels<float>& gemm_kernels() {
  static const GemmKernels<float>& kernels =
      for_cpu(gemm_base::float_kernels, gemm_avx2::float_kernels, gemm_avx512::float_kernels);
  return kernels;
}

template <>
const GemmKernels<double>& gemm_kernels() {
  static const GemmKernels<double>& kernels =
      for_cpu(gemm_base::double_kernels, gemm_avx2::double_kernels, gemm_avx512::double_kernels);
  return kernels;
}

}  // namespace flambeau
