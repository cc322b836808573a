#include "dispatch/overlap.h"

#include <utility>

#include "dispatch/basics.h"

namespace flambeau {
namespace {

/// Whether the spans of memory from first to last element meet.
bool share_elements(const Tensor& t, const Tensor& other) {
  if (t.storage != other.storage || t.numel == 0 || other.numel == 0) return false;
  auto span = [](const Tensor& x) {
    int64_t last = x.offset;
    for (int d = 0; d < x.ndim; ++d) last += (x.sizes[d] - 1) * x.strides[d];
    return std::pair{x.offset * itemsize(x.dtype), (last + 1) * itemsize(x.dtype)};
  };
  auto [a, b] = span(t);
  auto [c, d] = span(other);
  return a < d && c < b;
}

bool same_elements(const Tensor& t, const Tensor& other) {
  if (t.offset != other.offset || t.dtype != other.dtype || sizes_of(t) != sizes_of(other))
    return false;
  for (int d = 0; d < t.ndim; ++d)
    if (t.sizes[d] > 1 && t.strides[d] != other.strides[d]) return false;
  return true;
}

TensorRef copy_of(Tensor& t) {
  TensorRef copy = empty(sizes_of(t), t.dtype);
  copy_bytes(*copy, t);
  return copy;
}

TensorRef copied_unless_met(Tensor& t, Tensor& out, const char* op, const char* name) {
  check(!is_dense(t) || !is_dense(out), [&] {
    return message(op, ": ", name, " ", shape(t), " lies in the memory of the tensor written to, ",
                   shape(out), ", so what is read would change meanwhile. clone() it first.");
  });
  return copy_of(t);
}

}  // namespace

void check_apart(const Tensor& t, const Tensor& out, const char* op) {
  check(&t != &out && !share_elements(t, out), [&] {
    return message(op,
                   ": input and the tensor written to share elements, so what is read would "
                   "change meanwhile. clone() one of them.");
  });
}

TensorRef beside(Tensor& t, Tensor& out, const char* op, const char* name) {
  if (t.storage != out.storage || same_elements(t, out) || !share_elements(t, out))
    return TensorRef::borrow(&t);
  return copied_unless_met(t, out, op, name);
}

TensorRef disjoint(Tensor& t, Tensor& self, const char* op, const char* name) {
  if (t.storage != self.storage || !share_elements(t, self)) return TensorRef::borrow(&t);
  return copied_unless_met(t, self, op, name);
}

TensorRef apart(Tensor& t, const Tensor& self) {
  return t.storage == self.storage ? copy_of(t) : TensorRef::borrow(&t);
}

}  // namespace flambeau
