// Operators whose backward is a Python function: autograd.Function and the primitives of
// flambeau/ops. The node itself is the `ctx` that forward and backward see. The GIL is held.
#pragma once

#include <Python.h>

#include <vector>

#include "autograd/meta.h"

namespace flambeau {

struct FunctionNode {
  Node node;
  Object backward;  // backward(ctx, *grad_outputs)
  Object to_save;   // until the outputs are known
  Object dirty, non_differentiable;
  Object needs_input_grad;
  std::vector<Saved> saved;
  std::vector<int> saved_from;  // for each of them: its argument, or a constant below
  std::vector<bool> is_none;    // places of save_for_backward that held None
  std::vector<int> group;  // for each argument: how many edges it has; -1: none, -2: a list follows
  std::vector<int> group_size;
  std::vector<DType> result_dtypes;
  std::vector<bool> result_is_tensor;  // other results (None, numbers) get None for a gradient
  bool materialize = true;
};

/// The base of the nodes' types.
extern PyTypeObject* function_node_type;

Ref<FunctionNode> new_function_node(PyTypeObject* type, PyObject* backward);

inline bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

/// Sets needs_input_grad; true if any argument requires a gradient.
bool inspect_arguments(FunctionNode& self, PyObject* const* args, Py_ssize_t n);

/// An edge for each argument and, with `lists`, for each item of those that are lists.
void set_argument_edges(FunctionNode& self, PyObject* const* args, Py_ssize_t n, bool lists);

/// Gives the outputs (a tensor or a tuple/list) their history; returns what the caller should
/// return.
Object record_outputs(FunctionNode& self, Object result, bool history, PyObject* const* args,
                      Py_ssize_t n);

/// The names of the arguments of the primitive whose nodes are of this type (borrowed); null for
/// autograd.Function.
PyObject* primitive_arguments(PyTypeObject* type);
/// Whether it knows sparse tensors.
bool primitive_takes_sparse(PyTypeObject* type);

}  // namespace flambeau
