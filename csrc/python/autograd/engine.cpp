// The autograd engine and its switches as Python functions.
#include "autograd/engine.h"

#include <algorithm>

#include "autograd/assign.h"
#include "autograd/edges.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"
#include "dispatch/fused_history.h"
#include "python/bind.h"
#include "tensor/storage.h"

namespace flambeau {

static Node& read_as(As<Node&>, Reader& r) { return r.object<Node>(node_type, "a node"); }
static Node* read_as(As<Node*>, Reader& r) { return &read_as(As<Node&>(), r); }

namespace {

constexpr int most_deep = 40;  // backwards inside each other on one stack

/// A leaf and its gradient with a history hold each other. Python does not count such objects
/// (tensor/collected.h), so a loop that makes circles of them would never start a collection: it
/// starts here when the tensors' memory has doubled since the last, or for many small ones.
void collect_circles() {
  constexpr int64_t little = 64 << 20;  // bytes
  constexpr int many = 4096;  // each with a graph of some KB, whose nodes are no tensors' memory
  static int64_t bound = little;
  static int calls = 0;
  if (memory_stats().allocated_bytes < bound && ++calls < many) return;
  calls = 0;
  PyGC_Collect();
  bound = std::max(little, 2 * memory_stats().allocated_bytes);
}

std::vector<TensorRef> backward(PyObject* roots, PyObject* grads, bool retain_graph,
                                bool create_graph, PyObject* inputs, bool capture) {
  Backward task;
  task.roots = to_tensors(roots, "backward");
  if (grads != Py_None) task.grads = to_tensors(grads, "backward", true);
  task.grads.resize(task.roots.size());
  if (inputs != Py_None) task.inputs = to_tensors(inputs, "backward");
  task.retain_graph = retain_graph;
  task.create_graph = create_graph;
  task.capture = capture;
  std::vector<TensorRef> gradients = run_backward(task);
  if (create_graph && !capture && !backward_depth()) collect_circles();
  return gradients;
}
PyObject* backward_here(const Call& call) {
  if (backward_depth() < most_deep) return call_bound_function<backward>(call);
  return PyObject_Vectorcall(imported<"flambeau.autograd.engine", "on_fresh_stack">(), call.args,
                             static_cast<size_t>(call.n), call.names);
}

const NativeEntry entries[] = {
    {"_run_backward",
     "tensors, grad_tensors, retain_graph, create_graph, inputs=None, capture=False", backward_here,
     "Runs the engine."},
    bind<[](const char* name) { return node_subtype(name); }>("_node_type", "name"),
    bind<[](Tensor& t) {
      const Edge edge = edge_of(t);
      return std::tuple(Object::steal(edge.node->py()), int64_t{edge.nr});
    }>("_gradient_edge", "input"),
    {}};

const Functions functions(entries),
    declared(entries_of<engine_functions, edge_functions, assign_functions, mode_functions,
                        node_functions, saved_functions, autocast_functions,
                        fused_history_functions>.data());

}  // namespace

}  // namespace flambeau
