// The element types: one enum, one table of their facts, one switch from value to C++ type.
// Pure values; any thread; no GIL.
#pragma once
#include <complex>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace flambeau {

/// Brain floating point: the upper half of a float32, rounded to nearest even.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  bfloat16(float value) {
    uint32_t u;
    std::memcpy(&u, &value, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u)
      bits = static_cast<uint16_t>((u >> 16) | 0x40);
    else
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
  }
  operator float() const {
    uint32_t u = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &u, 4);
    return value;
  }
};
using float16 = _Float16;
using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
inline constexpr bool is_floating_type = std::is_floating_point_v<T> || is_half_type<T>;
template <class T>
inline constexpr bool is_complex_type =
    std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

/// Order is the column order of the promotion table in dispatch/promotion.h.
enum class DType : uint8_t {
  bool_,
  uint8,
  int8,
  int16,
  int32,
  int64,
  uint16,
  uint32,
  uint64,
  float16,
  bfloat16,
  float32,
  float64,
  complex64,
  complex128,
};
inline constexpr int dtype_count = 15;

struct DTypeFacts {
  const char* name;
  uint8_t itemsize;
  char kind;  // 'b' bool, 'u' unsigned, 'i' signed, 'f' floating, 'c' complex
};
inline constexpr DTypeFacts dtype_facts[dtype_count] = {
    {"bool", 1, 'b'},    {"uint8", 1, 'u'},     {"int8", 1, 'i'},        {"int16", 2, 'i'},
    {"int32", 4, 'i'},   {"int64", 8, 'i'},     {"uint16", 2, 'u'},      {"uint32", 4, 'u'},
    {"uint64", 8, 'u'},  {"float16", 2, 'f'},   {"bfloat16", 2, 'f'},    {"float32", 4, 'f'},
    {"float64", 8, 'f'}, {"complex64", 8, 'c'}, {"complex128", 16, 'c'},
};
inline constexpr const DTypeFacts& facts(DType d) { return dtype_facts[static_cast<int>(d)]; }
inline constexpr int64_t itemsize(DType d) { return facts(d).itemsize; }
inline constexpr const char* name(DType d) { return facts(d).name; }
inline constexpr bool is_floating(DType d) { return facts(d).kind == 'f'; }
inline constexpr bool is_complex(DType d) { return facts(d).kind == 'c'; }
inline constexpr bool is_integral(DType d) { return facts(d).kind == 'i' || facts(d).kind == 'u'; }
inline constexpr bool is_differentiable(DType d) { return is_floating(d) || is_complex(d); }

/// Calls body.operator()<T>() with the C++ type of dtype; a new dtype is one new case here.
template <class Body>
decltype(auto) with_scalar_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::bool_: return body.template operator()<bool>();
    case DType::uint8: return body.template operator()<uint8_t>();
    case DType::int8: return body.template operator()<int8_t>();
    case DType::int16: return body.template operator()<int16_t>();
    case DType::int32: return body.template operator()<int32_t>();
    case DType::int64: return body.template operator()<int64_t>();
    case DType::uint16: return body.template operator()<uint16_t>();
    case DType::uint32: return body.template operator()<uint32_t>();
    case DType::uint64: return body.template operator()<uint64_t>();
    case DType::float16: return body.template operator()<float16>();
    case DType::bfloat16: return body.template operator()<bfloat16>();
    case DType::float32: return body.template operator()<float>();
    case DType::float64: return body.template operator()<double>();
    case DType::complex64: return body.template operator()<complex64>();
    case DType::complex128: break;
  }
  return body.template operator()<complex128>();
}

}  // namespace flambeau
