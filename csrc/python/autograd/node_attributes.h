// What Python reads of a node beyond its place in the graph: the values it keeps. Needs the GIL.
#pragma once
#include "autograd/node.h"

namespace flambeau {

/// tp_getattro of nodes: _saved_NAME and _raw_saved_NAME beside the usual attributes.
PyObject* node_getattr(PyObject* self, PyObject* name);
void initialize_saved_tensors(PyObject* module);

}  // namespace flambeau
