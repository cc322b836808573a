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

/// Two float16 in memory; computed in complex64 and rounded once, as float16 is in float.
struct complex32 {
  using value_type = float16;
  float16 parts[2] = {};
  complex32() = default;
  explicit complex32(float16 re, float16 im = 0) : parts{re, im} {}
  explicit complex32(const complex128& value) : complex32(static_cast<complex64>(value)) {}
  complex32(const complex64& value)
      : parts{static_cast<float16>(value.real()), static_cast<float16>(value.imag())} {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  explicit complex32(Number value) : parts{static_cast<float16>(value), 0} {}
  operator complex64() const {
    return {static_cast<float>(parts[0]), static_cast<float>(parts[1])};
  }
  float16 real() const { return parts[0]; }
  float16 imag() const { return parts[1]; }
};
inline bool operator==(complex32 a, complex32 b) {
  return a.parts[0] == b.parts[0] && a.parts[1] == b.parts[1];
}
inline complex64 operator+(complex32 a, complex32 b) { return complex64(a) + complex64(b); }
inline complex64 operator*(complex32 a, complex32 b) { return complex64(a) * complex64(b); }

/// An element of a bool tensor: any byte but 0 is true, as tensors of other libraries' memory have
/// it. Loading such a byte as C++'s bool is undefined, so loops over bool tensors are over these.
class Truth {
 public:
  Truth() = default;
  constexpr Truth(bool value) : byte_(value) {}
  constexpr operator bool() const { return byte_ != 0; }
  Truth& operator+=(Truth other) { return *this = *this || other; }

 private:
  uint8_t byte_;
};

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
inline constexpr bool is_floating_type = std::is_floating_point_v<T> || is_half_type<T>;
template <class T>
inline constexpr bool is_complex_type =
    std::is_same_v<T, complex32> || std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

/// The C++ type in which values of T are computed.
template <class T>
using computed_t =
    std::conditional_t<is_half_type<T>, float,
                       std::conditional_t<std::is_same_v<T, complex32>, complex64, T>>;
template <class T>
inline constexpr bool is_widened_type = !std::is_same_v<T, computed_t<T>>;

/// Those up to complex128 are computed in; the float8 are converted and compared; the others are
/// only stored.
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
  complex32,
  complex64,
  complex128,
  float8_e4m3fn,
  float8_e5m2,
  float8_e4m3fnuz,
  float8_e5m2fnuz,
  float8_e8m0fnu,
  float4_e2m1fn_x2,
  uint1,
  uint2,
  uint3,
  uint4,
  uint5,
  uint6,
  uint7,
  int1,
  int2,
  int3,
  int4,
  int5,
  int6,
  int7,
  bits1x8,
  bits2x4,
  bits4x2,
  bits8,
  bits16,
  quint8,
  qint8,
  qint32,
  quint4x2,
  quint2x4,
};
inline constexpr int dtype_count = 46;
/// Bits of one dtype in the keys of kernels.
inline constexpr int dtype_bits = 6;
static_assert(dtype_count <= 1 << dtype_bits);

struct DTypeFacts {
  const char* name;
  const char* type_name;  // in torch.FloatTensor and its like
  uint8_t itemsize;
  char kind;  // 'b' bool, 'u' unsigned, 'i' signed, 'f' floating, 'c' complex, 's' only stored
};
inline constexpr DTypeFacts dtype_facts[dtype_count] = {
    {"bool", "Bool", 1, 'b'},
    {"uint8", "Byte", 1, 'u'},
    {"int8", "Char", 1, 'i'},
    {"int16", "Short", 2, 'i'},
    {"int32", "Int", 4, 'i'},
    {"int64", "Long", 8, 'i'},
    {"uint16", "UInt16", 2, 'u'},
    {"uint32", "UInt32", 4, 'u'},
    {"uint64", "UInt64", 8, 'u'},
    {"float16", "Half", 2, 'f'},
    {"bfloat16", "BFloat16", 2, 'f'},
    {"float32", "Float", 4, 'f'},
    {"float64", "Double", 8, 'f'},
    {"complex32", "ComplexHalf", 4, 'c'},
    {"complex64", "ComplexFloat", 8, 'c'},
    {"complex128", "ComplexDouble", 16, 'c'},
    {"float8_e4m3fn", "Float8_e4m3fn", 1, 'f'},
    {"float8_e5m2", "Float8_e5m2", 1, 'f'},
    {"float8_e4m3fnuz", "Float8_e4m3fnuz", 1, 'f'},
    {"float8_e5m2fnuz", "Float8_e5m2fnuz", 1, 'f'},
    {"float8_e8m0fnu", "Float8_e8m0fnu", 1, 'f'},
    {"float4_e2m1fn_x2", "Float4_e2m1fn_x2", 1, 's'},
    {"uint1", "UInt1", 1, 's'},
    {"uint2", "UInt2", 1, 's'},
    {"uint3", "UInt3", 1, 's'},
    {"uint4", "UInt4", 1, 's'},
    {"uint5", "UInt5", 1, 's'},
    {"uint6", "UInt6", 1, 's'},
    {"uint7", "UInt7", 1, 's'},
    {"int1", "Int1", 1, 's'},
    {"int2", "Int2", 1, 's'},
    {"int3", "Int3", 1, 's'},
    {"int4", "Int4", 1, 's'},
    {"int5", "Int5", 1, 's'},
    {"int6", "Int6", 1, 's'},
    {"int7", "Int7", 1, 's'},
    {"bits1x8", "Bits1x8", 1, 's'},
    {"bits2x4", "Bits2x4", 1, 's'},
    {"bits4x2", "Bits4x2", 1, 's'},
    {"bits8", "Bits8", 1, 's'},
    {"bits16", "Bits16", 2, 's'},
    {"quint8", "QUInt8", 1, 's'},
    {"qint8", "QInt8", 1, 's'},
    {"qint32", "QInt32", 4, 's'},
    {"quint4x2", "QUInt4x2", 1, 's'},
    {"quint2x4", "QUInt2x4", 1, 's'},
};
inline constexpr const DTypeFacts& facts(DType d) { return dtype_facts[static_cast<int>(d)]; }
inline constexpr int64_t itemsize(DType d) { return facts(d).itemsize; }
inline constexpr const char* name(DType d) { return facts(d).name; }
inline constexpr bool is_floating(DType d) { return facts(d).kind == 'f'; }
inline constexpr bool is_complex(DType d) { return facts(d).kind == 'c'; }
inline constexpr bool is_integral(DType d) { return facts(d).kind == 'i' || facts(d).kind == 'u'; }
inline constexpr bool is_computed(DType d) { return d <= DType::complex128; }
inline constexpr bool is_float8(DType d) {
  return d >= DType::float8_e4m3fn && d <= DType::float8_e8m0fnu;
}
inline constexpr bool is_quantized(DType d) { return d >= DType::quint8; }
inline constexpr bool is_half(DType d) { return d == DType::float16 || d == DType::bfloat16; }
inline constexpr bool is_differentiable(DType d) { return is_floating(d) || is_complex(d); }

/// Raises NotImplementedError: nothing is computed in dtype. The bindings put the operator's name
/// before it.
[[noreturn]] void refuse_uncomputed(DType dtype);

/// Calls body.operator()<T>() with the C++ type of dtype; a new dtype that is computed in is one
/// new case here.
template <class Body>
decltype(auto) with_scalar_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::bool_: return body.template operator()<Truth>();
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
    case DType::complex32: return body.template operator()<complex32>();
    case DType::complex64: return body.template operator()<complex64>();
    case DType::complex128: return body.template operator()<complex128>();
    default: refuse_uncomputed(dtype);
  }
}

}  // namespace flambeau
