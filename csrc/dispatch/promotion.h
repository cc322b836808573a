// Type promotion: which dtype operands of several dtypes are computed in.
// The rules are PyTorch's: tensors with dimensions decide before zero-dimensional ones, those
// before Python numbers; a lower category matters only when its kind (bool, integer, floating,
// complex) is higher.
#pragma once
#include "dispatch/numbers.h"
#include "tensor/tensor.h"

namespace flambeau {

DType promote_types(DType a, DType b);

inline DType to_complex(DType d) {
  return d == DType::float64 ? DType::complex128 : DType::complex64;
}
inline DType to_real(DType d) {
  return d == DType::complex128 ? DType::float64 : d == DType::complex64 ? DType::float32 : d;
}

/// Collects operands one by one, then tells the common dtype.
class Promotion {
 public:
  void tensor(const Tensor& t) { join(t.ndim > 0 ? dim_ : zero_, t.dtype); }
  void dtype_with_dims(DType d) { join(dim_, d); }
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

}  // namespace flambeau
