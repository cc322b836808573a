#include "tensor/float8.h"

#include <bit>
#include <limits>

namespace flambeau {
namespace {

/// A format of a sign, an exponent and `mantissa` bits.
struct Format {
  int mantissa, bias;
  uint8_t largest;   // the last code of a positive number
  uint8_t overflow;  // what a larger number becomes, under its sign where signed_nan
  uint8_t nan;
  bool unsigned_zero;  // the code of -0 is the NaN
};

constexpr Format format_of(DType dtype) {
  switch (dtype) {
    case DType::float8_e4m3fn: return {3, 7, 0x7e, 0x7e, 0x7f, false};
    case DType::float8_e5m2: return {2, 15, 0x7b, 0x7c, 0x7f, false};
    case DType::float8_e4m3fnuz: return {3, 8, 0x7f, 0x80, 0x80, true};
    default: return {2, 16, 0x7f, 0x80, 0x80, true};
  }
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

float power(int exponent) {
  return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23);
}

}  // namespace

float from_float8(uint8_t code, DType dtype) {
  if (dtype == DType::float8_e8m0fnu) {
    if (code == 0xff) return not_a_number;
    return code == 0 ? 0x1p-127f : power(code - 127);
  }
  const Format f = format_of(dtype);
  const uint32_t magnitude = code & 0x7f;
  if (f.unsigned_zero ? code == f.nan : magnitude > f.largest)
    return dtype == DType::float8_e5m2 && magnitude == f.overflow
               ? std::bit_cast<float>(0x7f800000u | static_cast<uint32_t>(code & 0x80) << 24)
               : not_a_number;
  // Its fields in a float's places; the product moves the exponent's bias and normalizes
  // subnormals.
  const float value = std::bit_cast<float>(magnitude << (23 - f.mantissa)) * power(127 - f.bias);
  return code & 0x80 ? -value : value;
}

float largest_float8(DType dtype) {
  return from_float8(dtype == DType::float8_e8m0fnu ? 0xfe : format_of(dtype).largest, dtype);
}

uint8_t to_float8(float value, DType dtype) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (dtype == DType::float8_e8m0fnu) {
    // The exponent, one more where the mantissa rounds up; halfway is up but for the smallest.
    if (magnitude >= 0x7f800000u) return 0xff;
    const uint32_t exponent = magnitude >> 23, mantissa = magnitude & 0x7fffffu;
    return static_cast<uint8_t>(exponent + (mantissa >= 0x400000u + (exponent == 0)));
  }
  const Format f = format_of(dtype);
  const uint8_t sign = f.unsigned_zero ? 0 : static_cast<uint8_t>(bits >> 24 & 0x80);
  if (magnitude > 0x7f800000u) return f.nan | sign;
  const int shift = 23 - f.mantissa;
  uint32_t code;
  if (magnitude < static_cast<uint32_t>(128 - f.bias) << 23) {
    // A subnormal: the sum with a power of two whose unit is the format's rounds it.
    const float unit = power(24 - f.bias - f.mantissa);
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + unit) -
           std::bit_cast<uint32_t>(unit);
  } else {
    magnitude += (1u << (shift - 1)) - 1 + (magnitude >> shift & 1);
    code = (magnitude - (static_cast<uint32_t>(127 - f.bias) << 23)) >> shift;
  }
  if (code > f.largest) return f.overflow | sign;
  if (f.unsigned_zero && code) code |= bits >> 24 & 0x80;
  return static_cast<uint8_t>(code) | sign;
}

}  // namespace flambeau
