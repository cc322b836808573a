// Arithmetic of one element as tensors mean it, for generic loops over any dtype.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

/// sum + a * b. Integers wrap around modulo 2**bits, as the hardware does; signed overflow in C++
/// is undefined, so they are multiplied as unsigned.
template <class T>
T multiply_add(T sum, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(sum) +
                          static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  } else {
    return sum + a * b;
  }
}

template <class T>
bool is_nan(T value) {
  if constexpr (is_floating_type<T>)
    return value != value;
  else
    return false;
}

}  // namespace flambeau
