// The Python type Tensor: its life and death, and its slots put together.
#include "python/tensor/type.h"

#include "autograd/meta.h"
#include "dispatch/bound.h"
#include "dispatch/identity.h"

namespace flambeau {

namespace {

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
  for (const Slots* more : {&operator_slots, &number_slots, &subscript_slots})
    slots.insert(slots.end(), more->begin(), more->end());
  tensor_type = new_type("flambeau.Tensor", sizeof(Tensor),
                         Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots, module, "Tensor");
  tensor_type->tp_name = "Tensor";  // as Python's own messages should say it
}

}  // namespace flambeau
