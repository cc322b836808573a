// Adds to the module `_core` the raw functions of indexing, sorting, searching and scanning.
// They take positional arguments, check them, allocate the result and know nothing of gradients:
// those are declared in flambeau/ops/{index,scatter,sort,scan}.py. Needs the GIL.
#pragma once
#include <Python.h>

namespace flambeau {

/// Adds the submodule "indexing"; throws PythonError.
void initialize_indexing(PyObject* core);

}  // namespace flambeau
