// Hooks at the door: what happens to a call while somebody watches. Needs the GIL.
#pragma once
#include "dispatch/operator.h"

namespace flambeau {

/// Whether a tensor among `args` is of a class that has a __torch_dispatch__.
bool holds_dispatching(PyObject* const* args, Py_ssize_t n);

/// A call that nobody took over, seen by all who watch: events, the search for what is not finite,
/// observers, dispatch modes.
PyObject* run_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

void initialize_hooks(PyObject* module);

}  // namespace flambeau
