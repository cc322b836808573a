#include "kernels/elements/cross.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "runtime/threads.h"
#include "tensor/dtype.h"

namespace flambeau {

namespace {

/// Vectors that are worth a task.
constexpr int64_t task_vectors = 8192;

/// 1 where a result is NaN, else 0. Each first product is added as it is if `fused`, or rounded
/// before.
template <bool fused, class T>
[[gnu::always_inline]] inline auto of_one(const T* a, const T* b, T* out, int64_t step) {
  auto less = [](T p, T q, T r, T s) {
    if constexpr (fused)
      return std::fma(p, q, -(r * s));
    else
      return p * q - r * s;
  };
  const T x = a[0], y = a[step], z = a[2 * step], u = b[0], v = b[step], w = b[2 * step];
  const T first = less(y, w, z, v), second = less(z, u, x, w), third = less(x, v, y, u);
  out[0] = first;
  out[step] = second;
  out[2 * step] = third;
  using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  return static_cast<Bits>((first != first) | (second != second) | (third != third));
}

template <bool fused, class T>
[[gnu::always_inline]] inline bool of_lines(int64_t n, int64_t step, const T* __restrict a,
                                            const T* __restrict b, T* __restrict out) {
  decltype(of_one<fused>(a, b, out, step)) found = 0;
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) found |= of_one<fused>(a + 3 * i, b + 3 * i, out + 3 * i, 1);
  else
    for (int64_t i = 0; i < n; ++i) found |= of_one<fused>(a + i, b + i, out + i, step);
  return found != 0;
}

/// Two products beyond the range leave NaN where both are rounded first, and an infinity where one
/// is not, as in PyTorch; so they are taken again there. Fused all over, they take 2.3 times as
/// long.
template <class T>
[[gnu::always_inline]] inline void of_any(int64_t n, int64_t step, const T* a, const T* b, T* out) {
  if (of_lines<false>(n, step, a, b, out)) of_lines<true>(n, step, a, b, out);
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void run(int64_t n, int64_t step, const float* a, const float* b, float* out) {
  of_any(n, step, a, b, out);
}
FLAMBEAU_CLONES void run(int64_t n, int64_t step, const double* a, const double* b, double* out) {
  of_any(n, step, a, b, out);
}
template <class T>
void run(int64_t n, int64_t step, const T* a, const T* b, T* out) {
  of_lines<false>(n, step, a, b, out);
}

/// Halves, a run of which is converted at a time; each product is rounded before they meet.
template <class T>
  requires is_half_type<T>
void run(int64_t n, int64_t step, const T* a, const T* b, T* out) {
  constexpr int64_t block = 128;
  float left[3 * block], right[3 * block], first[3 * block], second[3 * block];
  T rounded[3 * block];
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t count = std::min(block, n - begin);
    // The components of a block are one run, or three.
    const int64_t runs = step == 1 ? 1 : 3, length = 3 * count / runs;
    const int64_t apart = step == 1 ? 1 : count, next = step == 1 ? 3 : 1, at = begin * next;
    for (int64_t r = 0; r < runs; ++r) {
      convert(a + at + r * step, left + r * length, length);
      convert(b + at + r * step, right + r * length, length);
    }
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < 3; ++k) {
        const float *x = left + i * next, *y = right + i * next;
        const int64_t p = (k + 1) % 3 * apart, q = (k + 2) % 3 * apart, to = i * next + k * apart;
        first[to] = x[p] * y[q];
        second[to] = x[q] * y[p];
      }
    for (float* products : {first, second}) {
      convert(products, rounded, 3 * count);
      convert(rounded, products, 3 * count);
    }
    for (int64_t i = 0; i < 3 * count; ++i) first[i] -= second[i];
    for (int64_t r = 0; r < runs; ++r) convert(first + r * length, out + at + r * step, length);
  }
}

}  // namespace

template <class T>
void cross(int64_t outer, int64_t inner, const T* a, const T* b, T* out) {
  if (inner == 1) {
    parallel_ranges(outer, task_vectors, [&](int64_t begin, int64_t end) {
      run(end - begin, 1, a + 3 * begin, b + 3 * begin, out + 3 * begin);
    });
    return;
  }
  const int64_t length = std::min(inner, task_vectors), parts = (inner + length - 1) / length;
  parallel_ranges(outer * parts, std::max<int64_t>(1, task_vectors / length),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t first = i % parts * length, at = i / parts * 3 * inner + first;
                      run(std::min(length, inner - first), inner, a + at, b + at, out + at);
                    }
                  });
}

template void cross(int64_t, int64_t, const float*, const float*, float*);
template void cross(int64_t, int64_t, const double*, const double*, double*);
template void cross(int64_t, int64_t, const complex64*, const complex64*, complex64*);
template void cross(int64_t, int64_t, const complex128*, const complex128*, complex128*);
template void cross(int64_t, int64_t, const float16*, const float16*, float16*);
template void cross(int64_t, int64_t, const bfloat16*, const bfloat16*, bfloat16*);
template void cross(int64_t, int64_t, const int32_t*, const int32_t*, int32_t*);
template void cross(int64_t, int64_t, const int64_t*, const int64_t*, int64_t*);

}  // namespace flambeau
