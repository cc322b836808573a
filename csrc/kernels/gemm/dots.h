// Products of rows of real numbers, for loops that are compiled for several instruction sets
// (elements/clones.h). No GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

template <class T>
struct Lanes {
  static constexpr int count = 32 / sizeof(T);
  typedef T V __attribute__((vector_size(32), aligned(alignof(T)), may_alias));
};

/// sums[r] = the product of a (n) and row r of x, rows `step` apart.
template <int rows, class T>
[[gnu::always_inline]] inline void dot_rows(int64_t n, const T* a, const T* x, int64_t step,
                                            T* sums) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count, unroll = 4 / rows;
  V parts[rows][unroll] = {};
  int64_t j = 0;
  for (; j + lanes * unroll <= n; j += lanes * unroll)
#pragma GCC unroll 4
    for (int u = 0; u < unroll; ++u) {
      const V factor = *reinterpret_cast<const V*>(a + j + u * lanes);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r)
        parts[r][u] += factor * *reinterpret_cast<const V*>(x + r * step + j + u * lanes);
    }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    V all = parts[r][0];
    for (int u = 1; u < unroll; ++u) all += parts[r][u];
    T sum = 0;
    for (int l = 0; l < lanes / 2; ++l) sum += all[l] + all[l + lanes / 2];
    for (int64_t i = j; i < n; ++i) sum += a[i] * x[r * step + i];
    sums[r] = sum;
  }
}

/// Row r of x gains factors[r] * a (n).
template <int rows, class T>
[[gnu::always_inline]] inline void add_to_rows(int64_t n, const T* a, const T* factors, T* x,
                                               int64_t step) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    const V value = *reinterpret_cast<const V*>(a + j);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      V* to = reinterpret_cast<V*>(x + r * step + j);
      *to += value * factors[r];
    }
  }
  for (; j < n; ++j)
    for (int r = 0; r < rows; ++r) x[r * step + j] += a[j] * factors[r];
}

}  // namespace flambeau
