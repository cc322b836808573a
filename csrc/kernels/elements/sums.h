// The types in which loops add and multiply.
// Types only: nothing here is ever run.
#pragma once
#include <type_traits>

#include "tensor/dtype.h"

namespace flambeau {

/// The unsigned integer of so many bytes.
template <size_t n_bytes>
using unsigned_of_size =
    std::conditional_t<n_bytes == 1, uint8_t,
                       std::conditional_t<n_bytes == 2, uint16_t,
                                          std::conditional_t<n_bytes == 4, uint32_t, uint64_t>>>;

/// T, or of a signed integer the unsigned one of its size: sums and products of both are the same
/// bits, so one loop serves both, without the overflow of signed ones.
template <class T>
using wrapping_t = std::conditional_t<std::is_integral_v<T>, unsigned_of_size<sizeof(T)>, T>;

/// What running sums and products of a dtype are kept in.
template <class T>
using accumulator_t = std::conditional_t<
    std::is_integral_v<T> || std::is_same_v<T, Truth>, uint64_t,
    std::conditional_t<std::is_same_v<T, float>, double,
                       std::conditional_t<is_complex_type<T>, complex128, computed_t<T>>>>;

}  // namespace flambeau
