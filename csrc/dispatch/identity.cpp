#include "dispatch/identity.h"

#include <algorithm>
#include <utility>

#include "autograd/assign.h"
#include "autograd/meta.h"
#include "dispatch/views.h"

namespace flambeau {

TensorRef retype(Tensor& t, PyTypeObject* type) {
  auto* made = reinterpret_cast<Tensor*>(type->tp_alloc(type, 0));
  if (!made) throw PythonError();
  retain(t.storage);
  made->storage = t.storage;
  made->dtype = t.dtype;
  made->sizes = made->inline_layout;
  set_layout(*made, sizes_of(t), strides_of(t), t.offset);
  return TensorRef::steal(made);
}

TensorRef as_subclass(Tensor& t, PyTypeObject* type) {
  TensorRef plain = alias_view(t);
  if (type == tensor_type) return plain;
  TensorRef made = retype(*plain, type);
  std::swap(made->autograd, plain->autograd);
  std::swap(made->version_override, plain->version_override);
  made->inference = plain->inference;
  return made;
}

TensorRef subclass_over(PyTypeObject* type, Tensor& t, bool requires_grad, bool require_grad) {
  TensorRef made = retype(t, type);
  if (requires_grad || require_grad) set_requires_grad(*made, true);
  return made;
}

void swap_contents(Tensor& a, Tensor& b) {
  for (Tensor* t : {&a, &b}) {
    check(!t->weakrefs, [&] {
      return message("swap_tensors: ", describe(*t),
                     " has weak references, which would lead to the other.");
    });
    check(!t->batched && !(t->autograd && t->autograd->accumulator), [&] {
      return message(
          "swap_tensors: ", describe(*t),
          " is part of a graph or of a vmap. Swap before the forward pass, or after backward.");
    });
  }
  check(Py_TYPE(a.py())->tp_basicsize == Py_TYPE(b.py())->tp_basicsize,
        [] { return message("swap_tensors: the types have different __slots__."); });
  PyTypeObject* type = Py_TYPE(a.py());
  Py_SET_TYPE(a.py(), Py_TYPE(b.py()));
  Py_SET_TYPE(b.py(), type);
  auto place = [](const Tensor& t) { return t.sizes == t.inline_layout; };
  bool a_inline = place(a), b_inline = place(b);
  std::swap(a.storage, b.storage);
  std::swap(a.offset, b.offset);
  std::swap(a.numel, b.numel);
  std::swap(a.dtype, b.dtype);
  std::swap(a.ndim, b.ndim);
  std::swap(a.requires_grad_leaf, b.requires_grad_leaf);
  std::swap(a.contiguous, b.contiguous);
  std::swap(a.inference, b.inference);
  std::swap(a.sizes, b.sizes);
  std::swap(a.strides, b.strides);
  std::swap(a.version_override, b.version_override);
  std::swap(a.autograd, b.autograd);
  std::swap(a.dict, b.dict);
  std::swap(a.inline_layout, b.inline_layout);
  auto settle = [](Tensor& t) {
    t.sizes = t.inline_layout;
    t.strides = t.inline_layout + inline_ndim;
  };
  if (b_inline) settle(a);
  if (a_inline) settle(b);
  // What a graph has saved of one must not be taken for the other.
  Version &one = a.version(), &other = b.version();
  one.value = other.value = std::max(one.value, other.value) + 1;
  one.writer = other.writer = "swap_tensors";
  for (Tensor* t : {&a, &b}) watch(t->py());
}

}  // namespace flambeau
