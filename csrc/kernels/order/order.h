// Order: every real dtype as unsigned keys whose integer order is the order of the values.
// NaN is above everything (all NaNs equal), -0 equals 0, as PyTorch sorts; the complement is the
// descending order, in which NaN comes first and equal values keep their places.
#pragma once
#include <bit>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/sums.h"

namespace flambeau {

template <class T>
struct Order {
  using Key = unsigned_of_size<sizeof(T)>;
  static constexpr Key sign = static_cast<Key>(Key{1} << (8 * sizeof(T) - 1));
  static constexpr bool floating = is_floating_type<T>;

  static Key key(T value) {
    if constexpr (std::is_same_v<T, Truth>) {
      return value;
    } else if constexpr (floating) {
      Key bits = std::bit_cast<Key>(value);
      Key magnitude = static_cast<Key>(bits & ~sign);
      Key negative =
          static_cast<Key>(-(bits >> (8 * sizeof(T) - 1)));  // all ones where the sign is set
      Key ordered = static_cast<Key>(bits ^ (negative | sign));
      // Masks instead of choices, so that loops over keys become vectors.
      using Signed = std::make_signed_t<Key>;
      Key zero = static_cast<Key>(-static_cast<Key>(magnitude == 0));
      Key nan = static_cast<Key>(
          -static_cast<Key>(static_cast<Signed>(magnitude) > static_cast<Signed>(infinity)));
      return static_cast<Key>((ordered & ~zero) | (sign & zero) | nan);
    } else if constexpr (std::is_signed_v<T>) {
      return static_cast<Key>(static_cast<Key>(value) ^ sign);
    } else {
      return value;
    }
  }

  static bool is_nan(Key key) { return floating && key == static_cast<Key>(~Key{0}); }

 private:
  static constexpr Key infinity = [] {
    if constexpr (std::is_same_v<T, float>)
      return Key{0x7f800000u};
    else if constexpr (std::is_same_v<T, double>)
      return Key{0x7ff0000000000000u};
    else if constexpr (std::is_same_v<T, bfloat16>)
      return Key{0x7f80u};
    else if constexpr (std::is_same_v<T, float16>)
      return Key{0x7c00u};
    else
      return Key{0};
  }();
};

/// with_scalar_type without the complex dtypes, which have no order: the caller has refused them.
template <class Body>
void with_ordered_type(DType dtype, Body&& body) {
  with_scalar_type(dtype, [&]<class T>() {
    if constexpr (!is_complex_type<T>) body.template operator()<T>();
  });
}

}  // namespace flambeau
