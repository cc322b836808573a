// Sparse tensors at the door, and what Python builds them from. Needs the GIL.
#pragma once
#include "dispatch/operator.h"

namespace flambeau {

/// The call of an operator past all watchers: by what it has for sparse tensors where an argument
/// is one, or raises NotImplementedError where it has nothing.
PyObject* run_by_layout(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

}  // namespace flambeau
