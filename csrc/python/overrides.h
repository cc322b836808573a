// __torch_function__: which arguments take an operator over, and the call that lets them.
// Exact tensors and Python's own types pay for a comparison of types, nothing more. Needs the GIL.
#pragma once
#include "autograd/door.h"
#include "tensor/tensor.h"

namespace flambeau {

/// What a type wants with operators: nothing; results of its own class (what every subclass of
/// Tensor inherits); or to answer by a __torch_function__ of its own.
enum class Override : uint8_t { none, inherited, own };
Override override_of(PyTypeObject* type);
/// Whether a class's __torch_function__ or __torch_dispatch__ is the one that stands for none
/// (flambeau/modes.py).
bool is_disabled(PyObject* own);

/// The part of is_overridden() for what is neither an exact tensor nor a plain number.
bool may_override(PyObject* o);
bool in_function_mode();

/// Whether an argument takes the operator over.
inline bool has_override(PyObject* const* args, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyTypeObject* type = Py_TYPE(args[i]);
    if (type != tensor_type && type != &PyLong_Type && type != &PyFloat_Type &&
        args[i] != Py_None && may_override(args[i]))
      return true;
  }
  return false;
}
/// Whether an argument, or a mode in force, takes the operator over.
inline bool is_overridden(PyObject* const* args, Py_ssize_t n) {
  return ((watchers & watch_function_modes) && in_function_mode()) || has_override(args, n);
}
inline bool is_overridden(PyObject* self) { return is_overridden(&self, 1); }

/// function(args...) as those arguments (or the innermost mode) answer it.
PyObject* call_override(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* names);
/// The same for a special method of Tensor ("__getitem__"), or what a property has for `accessor`.
PyObject* call_member_override(const char* name, const char* accessor, PyObject* const* args,
                               Py_ssize_t n);
PyObject* call_method_override(const char* name, PyObject* const* args, Py_ssize_t n);
inline PyObject* call_getter_override(const char* name, PyObject* self) {
  return call_member_override(name, "__get__", &self, 1);
}
inline int call_setter_override(const char* name, PyObject* self, PyObject* value) {
  PyObject* args[] = {self, value};
  return Object::steal(value ? call_member_override(name, "__set__", args, 2)
                             : call_member_override(name, "__delete__", args, 1))
             ? 0
             : -1;
}

}  // namespace flambeau
