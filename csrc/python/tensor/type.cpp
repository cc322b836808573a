// The Python type Tensor: its life and death, and its slots put together.
#include "python/tensor/type.h"

#include <algorithm>
#include <utility>

#include "autograd/meta.h"
#include "dispatch/bound.h"
#include "dispatch/views.h"

namespace flambeau {

namespace {

void tensor_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Tensor& t = self_of(o);
  unwatch(o);
  if (t.weakrefs) PyObject_ClearWeakRefs(o);
  clear_tensor(t);
  if (type == tensor_type)
    free_tensor(t);
  else
    type->tp_free(o);
  Py_DECREF(type);
}

int tensor_traverse(PyObject* o, visitproc visit, void* context) {
  Tensor& t = self_of(o);
  Visitor visitor(visit, context);
  visitor(Py_TYPE(o)) && visitor(t.dict);
  if (t.autograd) t.autograd->visit(visitor);
  return visitor.result();
}

int tensor_clear(PyObject* o) {
  Tensor& t = self_of(o);
  Py_CLEAR(t.dict);
  clear_meta(t);
  return 0;
}

/// With its first attribute of the user's a tensor can become part of a cycle.
int tensor_setattr(PyObject* o, PyObject* name, PyObject* value) {
  int result = PyObject_GenericSetAttr(o, name, value);
  if (self_of(o).dict) watch(o);
  return result;
}

/// Tensor(4, 3), Tensor([1., 2.]), Tensor(other): the old constructor, always the default dtype.
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    Object made = owned(PyObject_Call(bound_operator("legacy_new"), args, kwargs));
    if (type == tensor_type) return made.release();
    return retype(*as_tensor(made.get()), type).release_py();
  });
}

/// id(t), as in PyTorch.
Py_hash_t tensor_hash(PyObject* o) { return reinterpret_cast<Py_hash_t>(o); }

PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Tensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Tensor, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

}  // namespace

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

void initialize_tensor_type(PyObject* module) {
  Slots slots = {slot(Py_tp_new, tensor_new),
                 slot(Py_tp_dealloc, tensor_dealloc),
                 slot(Py_tp_traverse, tensor_traverse),
                 slot(Py_tp_clear, tensor_clear),
                 slot(Py_tp_setattro, tensor_setattr),
                 slot(Py_tp_hash, tensor_hash),
                 slot(Py_tp_getset, tensor_attributes),
                 slot(Py_tp_members, tensor_members),
                 slot(Py_tp_doc,
                      "Tensor(*data, **options)\n--\n\n"
                      "A typed array of any number of dimensions that can be differentiated.")};
  add_operator_slots(slots);
  add_number_slots(slots);
  add_subscript_slots(slots);
  tensor_type = new_type("flambeau.Tensor", sizeof(Tensor),
                         Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots, module, "Tensor");
  tensor_type->tp_name = "Tensor";  // as Python's own messages should say it
}

}  // namespace flambeau
