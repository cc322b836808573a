// What raw operators on float32 and float64 share: the switch over the two, operands of a known
// size. Needs the GIL.
#pragma once
#include "dispatch/basics.h"
#include "tensor/error.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// Elements above which a loop gives up the GIL.
inline constexpr int64_t long_work = 2000;

/// Calls body with a null pointer of the type of t's elements, float32 or float64.
template <class Body>
void in_precision(const char* op, const Tensor& t, Body&& body) {
  if (t.dtype == DType::float32) return body(static_cast<float*>(nullptr));
  check<NotImplementedError>(t.dtype == DType::float64, [&] {
    return message(op, ": ", name(t.dtype), "; it takes float32 and float64.");
  });
  body(static_cast<double*>(nullptr));
}

/// A contiguous operand of a dtype with so many elements; null stays null.
inline TensorRef operand(const char* op, const char* what, Tensor* t, DType dtype, int64_t numel) {
  if (!t) return nullptr;
  check(t->dtype == dtype && t->numel == numel, [&] {
    return message(op, ": ", what, " is ", describe(*t), "; it must be ", name(dtype), " of ",
                   numel, " elements.");
  });
  return contiguous(*t);
}

template <class T>
T* data_of(const TensorRef& t) {
  return t ? t->as<T>() : nullptr;
}

}  // namespace flambeau::raw
