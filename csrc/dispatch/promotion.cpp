#include "dispatch/promotion.h"

namespace flambeau {

bool can_cast(DType from, DType to) {
  // What is only stored is no kind that something could be lost to.
  bool loses = (is_complex(from) && !is_complex(to)) ||
               ((is_floating(from) || from == DType::float4_e2m1fn_x2) && is_integral(to)) ||
               (from != DType::bool_ && to == DType::bool_);
  return !loses;
}

bool is_signed(DType d) {
  const char kind = facts(d).kind;
  check(kind != 's' || d < DType::bits1x8, [&] {
    return message("is_signed: torch.", name(d), " holds bits that have no sign of their own.");
  });
  return kind == 'i' || kind == 'c' || (kind == 'f' && d != DType::float8_e8m0fnu) ||
         d == DType::float4_e2m1fn_x2 || (d >= DType::int1 && d <= DType::int7);
}

DType complex_of(DType d) {
  check(is_differentiable(d) && !is_float8(d), [&] {
    return message("to_complex: there are no complex numbers of torch.", name(d), " parts.");
  });
  return to_complex(d);
}

void set_default_dtype(DType d) {
  check<TypeError>(is_floating(d) && !is_float8(d), [&] {
    return message("set_default_dtype: takes float64, float32, float16 or bfloat16, not ", name(d),
                   ".");
  });
  default_dtype = d;
}

namespace {

int kind_rank(DType d) {
  switch (facts(d).kind) {
    case 'b': return 0;
    case 'f': return 2;
    case 'c': return 3;
    default: return 1;
  }
}

DType signed_of(int64_t bytes) {
  return bytes <= 1   ? DType::int8
         : bytes == 2 ? DType::int16
         : bytes == 4 ? DType::int32
                      : DType::int64;
}

bool is_stored_unsigned(DType d) { return d >= DType::uint1 && d <= DType::uint7; }

/// Of two dtypes one of which is only stored, or float8: a small unsigned one gives way to a
/// floating one, and the others have no dtype in common.
DType promote_stored(DType a, DType b) {
  if (is_stored_unsigned(b)) std::swap(a, b);
  check(is_stored_unsigned(a) && is_floating(b) && !is_float8(b), [&] {
    return message("there is no dtype that ", name(a), " and ", name(b),
                   " promote to. Convert one of them with .to().");
  });
  return b;
}

}  // namespace

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (!is_computed(a) || !is_computed(b)) return promote_stored(a, b);
  if (kind_rank(a) < kind_rank(b)) std::swap(a, b);
  int ra = kind_rank(a), rb = kind_rank(b);
  if (ra == 3) {
    if (rb == 3) return std::max(a, b);
    return rb == 2 ? to_complex(promote_types(to_real(a), b)) : a;
  }
  if (ra == 2) {
    if (rb < 2) return a;
    if (a == DType::float64 || b == DType::float64) return DType::float64;
    return DType::float32;  // float16 with bfloat16, or either with float32
  }
  if (ra == 1 && rb == 0) return a;
  bool ua = facts(a).kind == 'u', ub = facts(b).kind == 'u';
  int64_t wa = itemsize(a), wb = itemsize(b);
  if (ua == ub) return wa >= wb ? a : b;
  // A signed type that holds both, as far as there is one.
  int64_t unsigned_width = ua ? wa : wb, signed_width = ua ? wb : wa;
  return signed_of(std::max(2 * unsigned_width, signed_width));
}

Promotion::Category Promotion::combine(const Category& higher, const Category& lower) {
  if (!higher.any) return lower;
  if (!lower.any) return higher;
  int rh = kind_rank(higher.dtype), rl = kind_rank(lower.dtype);
  if (rh >= rl) return higher;
  if (rh == 2) return {true, to_complex(higher.dtype)};
  if (rh == 0 || rl >= 2) return {true, promote_types(higher.dtype, lower.dtype)};
  return higher;
}

DType Promotion::result() const { return combine(dim_, combine(zero_, number_)).dtype; }

bool Promotion::number(PyObject* o) {
  if (!is_number(o)) return false;
  join(number_, number_dtype(o));
  return true;
}

}  // namespace flambeau
