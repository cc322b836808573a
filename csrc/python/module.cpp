// flambeau._core: puts the parts of the core into one module.
#include <nanobind/nanobind.h>

#include "autograd/node.h"
#include "python/args.h"
#include "python/operator.h"

NB_MODULE(_core, m) {
  using namespace flambeau;
  PyObject* module = m.ptr();
  initialize_operators(module);
  initialize_types(module);
  initialize_tensor_type(module);
  initialize_nodes(module);
  initialize_pointwise(module);
  initialize_subscripts(module);
  initialize_function_node(module);
  initialize_cuda();
  if (PyErr_Occurred()) throw nanobind::python_error();
}
