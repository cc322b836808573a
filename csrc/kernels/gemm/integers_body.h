// Integer products, for the vector and tile that the including file sets: as words_body.h, which it
// includes, and multiply_pairs over vectors of words. No include guard.

#include "kernels/gemm/words_body.h"

struct MultiplyWords {
  template <class V>
  inline __attribute__((always_inline)) V operator()(V sum, V b, V a) const {
    return sum + a * b;
  }
};
struct MultiplyPairs {
  template <class V>
  inline __attribute__((always_inline)) V operator()(V sum, V b, V a) const {
    return sum + multiply_pairs(b, a);
  }
};

// Products of these are wrapped by hand: of two uint16_t, C++ makes an int that may overflow.

template <class T>
void dots_of(int64_t N, int64_t K, const T* a, const T* b, int64_t b_row, T* out) {
  for (int64_t j = 0; j < N; ++j, b += b_row) {
    T sum = 0;
    for (int64_t k = 0; k < K; ++k)
      sum = static_cast<T>(
          sum + static_cast<T>(static_cast<std::common_type_t<T, unsigned>>(a[k]) * b[k]));
    out[j] = sum;
  }
}

template <class T>
void sum_of_rows(int64_t N, int64_t K, const T* a, const T* b, int64_t b_row, T* out) {
  using Wide = std::common_type_t<T, unsigned>;
  for (int64_t j = 0; j < N; ++j) out[j] = 0;
  int64_t k = 0;
  for (; k + 4 <= K; k += 4) {
    const Wide a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];
    const T *b0 = b + k * b_row, *b1 = b0 + b_row, *b2 = b1 + b_row, *b3 = b2 + b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j)
      out[j] = static_cast<T>(out[j] + a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]);
  }
  for (; k < K; ++k) {
    const Wide factor = a[k];
    const T* row = b + k * b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j) out[j] = static_cast<T>(out[j] + factor * row[j]);
  }
}

template <class T>
constexpr IntegerLoops<T> integer_loops() {
  return {dots_of<T>, sum_of_rows<T>};
}

extern const IntegerKernels integer_kernels = {
    word_kernels<MultiplyPairs, uint8_t, uint32_t, uint32_t, 2>(),
    word_kernels<MultiplyPairs, uint16_t, uint32_t, uint32_t, 2>(),
    word_kernels<MultiplyWords, uint32_t, uint32_t, uint32_t, 1>(),
    word_kernels<MultiplyWords, uint64_t, uint64_t, uint64_t, 1>(),
    integer_loops<uint8_t>(),
    integer_loops<uint16_t>(),
    integer_loops<uint32_t>(),
    integer_loops<uint64_t>(),
};
