// What ways of a convolution look at and change in their factors. Any thread may call.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>

#include "kernels/elements/convert.h"
#include "runtime/threads.h"

namespace flambeau {

/// A float32 copy of n halves; null stays null.
template <class Half>
std::unique_ptr<float[]> widened(const void* from, int64_t n) {
  if (!from) return nullptr;
  auto copy = std::make_unique_for_overwrite<float[]>(n);
  const Half* halves = static_cast<const Half*>(from);
  parallel_ranges(n, 65536, [&](int64_t begin, int64_t end) {
    convert(halves + begin, copy.get() + begin, end - begin);
  });
  return copy;
}

template <class Half>
void narrow(const float* from, void* to, int64_t n) {
  Half* halves = static_cast<Half*>(to);
  parallel_ranges(n, 65536, [&](int64_t begin, int64_t end) {
    convert(from + begin, halves + begin, end - begin);
  });
}

template <class T>
bool any_not_finite(const T* values, int64_t n) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const Bits exponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  Bits found = 0;
  for (int64_t i = 0; i < n; ++i)
    found |= (std::bit_cast<Bits>(values[i]) & exponent) == exponent ? Bits{1} : Bits{0};
  return found != 0;
}

/// Whether one of the factors, each of which takes part in `uses` products, is not finite. The fast
/// ways multiply it by some of the zeros around the input, which makes NaN; so then the loops
/// compute, which take all of them or none. Not asked where looking would cost more than a percent.
template <class T>
bool needs_exact_borders(const T* factors, int64_t n, int64_t uses) {
  return (n <= 2048 || uses >= 1024) && any_not_finite(factors, n);
}

}  // namespace flambeau
