// Type promotion: which dtype operands of several dtypes are computed in.
// The rules are PyTorch's: tensors with dimensions decide before zero-dimensional ones, those
// before Python numbers; a lower category matters only when its kind (bool, integer, floating,
// complex) is higher.
#pragma once
#include "dispatch/numbers.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

DType promote_types(DType a, DType b);
/// Whether values of one convert to another under these rules.
bool can_cast(DType from, DType to);
/// Of new floating tensors; raises for what is no such dtype.
void set_default_dtype(DType d);
inline DType get_default_dtype() { return default_dtype; }

/// The complex dtype whose parts are d, or hold d.
inline DType to_complex(DType d) {
  if (is_complex(d)) return d;
  return d == DType::float64   ? DType::complex128
         : d == DType::float16 ? DType::complex32
                               : DType::complex64;
}
/// The dtype of a complex dtype's parts; another dtype itself.
inline DType to_real(DType d) {
  switch (d) {
    case DType::complex32: return DType::float16;
    case DType::complex64: return DType::float32;
    case DType::complex128: return DType::float64;
    default: return d;
  }
}

/// Whether it has a sign, and what torch.dtype.to_complex gives; raise for dtypes that have
/// neither.
bool is_signed(DType d);
DType complex_of(DType d);

/// Collects operands one by one, then tells the common dtype.
class Promotion {
 public:
  void tensor(const Tensor& t) { join(t.ndim > 0 ? dim_ : zero_, t.dtype); }
  /// A Python bool, int, float or complex; false if `number` is none of them.
  bool number(PyObject* number);
  DType result() const;

 private:
  struct Category {
    bool any = false;
    DType dtype = DType::bool_;
  };
  static void join(Category& c, DType d) {
    c.dtype = c.any ? promote_types(c.dtype, d) : d;
    c.any = true;
  }
  static Category combine(const Category& higher, const Category& lower);
  Category dim_, zero_, number_;
};

inline constexpr std::tuple dtype_functions{
    fact(function(declare<promote_types>("promote_types", "type1, type2 -> dtype",
                                         "The dtype that holds both."))),
    fact(function(
        declare<can_cast>("can_cast", "from_, to -> bool",
                          "Whether a dtype converts to another under the promotion rules."))),
    fact(function(declare<get_default_dtype>("get_default_dtype", " -> dtype",
                                             "The dtype of new floating tensors."))),
    fact(function(declare<set_default_dtype>("set_default_dtype", "d -> None",
                                             "Sets the dtype of new floating tensors.")))};

}  // namespace flambeau
