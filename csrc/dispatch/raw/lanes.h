// What the functions of indexing, sorting, searching and scanning share: a view for their kernels,
// sizes and checks. Needs the GIL.
#pragma once
#include <tuple>

#include "autograd/meta.h"
#include "dispatch/advanced_index.h"
#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "runtime/program.h"

namespace flambeau::raw {

/// The kernels' view of a tensor; one without dims stands as one of size (1).
class Lanes {
 public:
  Lanes(const Tensor& t) : view_(t.strided()) {
    if (view_.ndim > 0) return;
    view_.ndim = 1;
    view_.sizes = view_.strides = one_;
  }
  Lanes(const Lanes&) = delete;
  operator const Strided&() const { return view_; }
  const Strided* operator&() const { return &view_; }
  const Strided* operator->() const { return &view_; }

 private:
  static constexpr int64_t one_[1] = {1};
  Strided view_;
};

inline Dims with_size(const Tensor& t, int dim, int64_t size) {
  Dims sizes = sizes_of(t);
  if (sizes.n > 0) sizes[dim] = size;
  return sizes;
}
inline Dims without_dim(const Tensor& t, int dim) {
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d)
    if (d != dim) sizes.push(t.sizes[d]);
  return sizes;
}
inline int64_t size_at(const Tensor& t, int dim) { return t.ndim == 0 ? 1 : t.sizes[dim]; }

using Pair = std::tuple<TensorRef, TensorRef>;

/// An int32 or int64 tensor, as int64; an empty one may have any dtype.
inline TensorRef places(Tensor& t, const char* op, const char* role = "index") {
  check(t.dtype == DType::int64 || t.dtype == DType::int32 || t.numel == 0, [&] {
    return message(op, ": ", role, " must be int64 or int32, not ", name(t.dtype),
                   ". Convert it with .long().");
  });
  return as_int64(t);
}
inline void check_ordered(const Tensor& t, const char* op) {
  check(!is_complex(t.dtype), [&] {
    return message(op, ": complex numbers have no order; input is ", describe(t), ".");
  });
}
inline void check_same_dtype(const Tensor& self, const Tensor& other, const char* op,
                             const char* other_name) {
  check(self.dtype == other.dtype, [&] {
    return message(op, ": ", other_name, " is ", name(other.dtype), " and self is ",
                   name(self.dtype), ". Convert one of them with .to().");
  });
}
/// Before a raw write in place: it is allowed, and every element has a place of its own.
inline void check_writable(Tensor& self, const char* op) {
  check_inplace(self, op);
  check(!may_overlap_itself(sizes_of(self), strides_of(self)), [&] {
    return message(op, ": elements of self ", shape(self),
                   " share memory, so a write to one changes others. clone() it first.");
  });
}
/// Before a raw write in place that PyTorch lets through: elements that share memory are warned of.
inline void warn_of_repeats(Tensor& self, const char* op) {
  check_inplace(self, op);
  if (!may_overlap_itself(sizes_of(self), strides_of(self))) return;
  std::string text = message(op, " on expanded tensors writes some elements of ", shape(self),
                             " many times, for they share memory. clone() it first.");
  warn(text);
}

inline void check_mask(const Tensor& mask, const char* op) {
  check(mask.dtype == DType::bool_, [&] {
    return message(op, ": mask is ", name(mask.dtype),
                   "; it must be bool. Convert it with .bool().");
  });
}

}  // namespace flambeau::raw
