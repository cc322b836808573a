// Nodes whose backward is a Python function: of autograd.Function and of the primitives of
// flambeau/ops. The node itself is the `ctx` that forward and backward see. The GIL is held.
#pragma once
#include "autograd/meta.h"
#include "tensor/objects.h"

namespace flambeau {

struct FunctionNode {
  Node node;
  Object backward;  // backward(ctx, *grad_outputs)
  Object to_save;   // until the outputs are known
  Object dirty, non_differentiable;
  Object needs_input_grad;
  std::vector<Saved> saved;
  std::vector<int> saved_from;  // for each of them: its argument, or a constant of function.cpp
  std::vector<bool> is_none;    // places of save_for_backward that held None
  std::vector<int> edges_of;    // for each argument: how many edges it has, -1 of one tensor
  std::vector<DType> result_dtypes;
  std::vector<bool> result_is_tensor;  // other results (None, numbers) get None for a gradient
  bool materialize = true;
  // Of a primitive, and as long as it lives, which is for ever: the names of its arguments, and
  // whether it knows sparse tensors.
  PyObject* argument_names = nullptr;
  PyObject* const* sparse = nullptr;
};

/// The base of the nodes' types.
extern PyTypeObject* function_node_type;

Ref<FunctionNode> new_function_node(PyTypeObject* type, PyObject* backward);

/// Sets needs_input_grad; true if any argument requires a gradient.
bool inspect_arguments(FunctionNode& self, PyObject* const* args, Py_ssize_t n);

/// An edge for each argument and, with `lists`, for each item of those that are lists.
void set_argument_edges(FunctionNode& self, PyObject* const* args, Py_ssize_t n, bool lists);

/// Gives the outputs (a tensor or a tuple/list) their history; returns what the caller should
/// return.
Object record_outputs(FunctionNode& self, Object result, bool history, PyObject* const* args,
                      Py_ssize_t n);

/// What save_for_backward kept: item(saved) of each, item(null) of None.
template <class Item>
Object saved_values(FunctionNode& self, Item&& item) {
  if (self.node.released && !self.saved.empty()) throw_released(&self.node);
  size_t at = 0;
  return tuple_of(static_cast<Py_ssize_t>(self.is_none.size()), [&](Py_ssize_t i) {
    return item(self.is_none[static_cast<size_t>(i)] ? nullptr : &self.saved[at++]);
  });
}

/// needs_input_grad; in the backward of a primitive only what this pass asks for: what
/// autograd.Function sees is PyTorch's.
Object gradients_needed_now(FunctionNode& self);

/// The gradient, which requires grad through the first input that does: its derivative with respect
/// to that is zero.
TensorRef link_gradient(FunctionNode& self, Tensor& gradient);

}  // namespace flambeau
