// __torch_function__: which arguments take an operator over, and the call that lets them.
// Exact tensors and Python's own types pay for a comparison of types, nothing more. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// What a type wants with operators: nothing; results of its own class (what every subclass of
/// Tensor inherits); or to answer by a __torch_function__ of its own.
enum class Override : uint8_t { none, inherited, own };
Override override_of(PyTypeObject* type);

/// Whether any thread is inside a TorchFunctionMode: the gate before the thread's own flag.
extern bool any_function_mode;

/// The part of is_overridden() for what is neither an exact tensor nor a plain number.
bool may_override(PyObject* o);
bool in_function_mode();

inline bool is_overridden(PyObject* const* args, Py_ssize_t n) {
  if (any_function_mode && in_function_mode()) return true;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyTypeObject* type = Py_TYPE(args[i]);
    if (type != tensor_type && type != &PyLong_Type && type != &PyFloat_Type &&
        args[i] != Py_None && may_override(args[i]))
      return true;
  }
  return false;
}
inline bool is_overridden(PyObject* self) { return is_overridden(&self, 1); }

/// function(args...) as those arguments (or the innermost mode) answer it.
PyObject* call_override(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* names);
/// The same for the special method or property of Tensor called `name` ("__getitem__", "shape").
PyObject* call_method_override(const char* name, PyObject* const* args, Py_ssize_t n);
PyObject* call_getter_override(const char* name, PyObject* self);
int call_setter_override(const char* name, PyObject* self, PyObject* value);

/// __reduce__ of operators: pickled and copied as the global name they are, as functions are.
PyObject* reduce_to_name(PyObject* function, PyObject*);

void initialize_overrides(PyObject* module);

}  // namespace flambeau
