// flambeau._core: puts the parts of the core into one module.
#include <nanobind/nanobind.h>

#include "autograd/node.h"
#include "python/args.h"
#include "python/hooks.h"
#include "python/operator.h"
#include "python/tensor/layouts.h"

NB_MODULE(_core, m) {
  using namespace flambeau;
  PyObject* module = m.ptr();
  initialize_operators(module);
  initialize_types(module);
  initialize_tensor_type(module);
  initialize_nodes(module);
  initialize_overrides(module);
  initialize_hooks(module);
  initialize_batches(module);
  initialize_python_operators(module);
  initialize_pointwise(module);
  initialize_subscripts(module);
  initialize_views(module);
  initialize_methods(module);
  initialize_sparse(module);
  initialize_storages(module);
  initialize_reductions(module);
  initialize_raw_kernels(module);
  initialize_fused(module);
  initialize_guards(module);
  initialize_out(module);
  initialize_settings(module);
  initialize_creation(module);
  initialize_dlpack(module);
  initialize_lent(module);
  initialize_function_node(module);
  initialize_matmul(module);
  initialize_autograd(module);
  initialize_indexing(module);
  initialize_sparse_loops(module);
  initialize_layers(module);
  initialize_numbers(module);
  initialize_reduction_ways(module);
  initialize_row_ways(module);
  initialize_loss_ways(module);
  initialize_cuda(module);
  if (PyErr_Occurred()) throw nanobind::python_error();
}
