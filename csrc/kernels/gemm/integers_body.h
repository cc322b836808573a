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

/// out = a[0] * b[0] + ..., of n rows of b, or what that adds to it.
template <int n, bool add, class T>
inline __attribute__((always_inline)) void sum_rows(int64_t N, const T* a, const T* b,
                                                    int64_t b_row, T* __restrict out) {
  using Wide = std::common_type_t<T, unsigned>;
  Wide factors[n];
  for (int k = 0; k < n; ++k) factors[k] = a[k];
  for (int64_t j = 0; j < N; ++j) {
    Wide sum = add ? out[j] : 0;
#pragma GCC unroll 8
    for (int k = 0; k < n; ++k) sum += factors[k] * b[k * b_row + j];
    out[j] = static_cast<T>(sum);
  }
}

template <class T>
void sum_of_rows(int64_t N, int64_t K, const T* a, const T* b, int64_t b_row, T* out) {
  // Of words up to eight rows at once: what is stored and read again takes as long as a product.
  constexpr int most = sizeof(T) == 8 ? 8 : 4;
  int64_t k = K <= most ? K : K % 4 ? K % 4 : 4;
  if (k == 0) std::fill(out, out + N, T(0));
  [&]<int... n>(std::integer_sequence<int, n...>) {
    ((k == n + 1 ? sum_rows<n + 1, false>(N, a, b, b_row, out) : void()), ...);
  }(std::make_integer_sequence<int, most>{});
  for (; k < K; k += 4) sum_rows<4, true>(N, a + k, b + k * b_row, b_row, out);
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
