// The autograd engine and its switches as Python functions.
#include "autograd/engine.h"
#include "autograd/assign.h"
#include "autograd/edges.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"
#include "python/bind.h"

namespace flambeau {

static Node& read_as(As<Node&>, Reader& r) { return r.object<Node>(node_type, "a node"); }
static Node* read_as(As<Node*>, Reader& r) { return &read_as(As<Node&>(), r); }

namespace {

constexpr int most_deep = 40;  // backwards inside each other on one stack

/// _run_backward(tensors, grad_tensors, retain_graph, create_graph, inputs, capture) -> tuple
PyObject* py_run_backward(const Call& call) {
  if (backward_depth() >= most_deep)
    return PyObject_Vectorcall(imported<"flambeau.autograd.engine", "on_fresh_stack">(), call.args,
                               static_cast<size_t>(call.n), call.names);
  Args a(call);
  Backward task;
  task.roots = to_tensors(a[0], "backward");
  if (a.given(1)) task.grads = to_tensors(a[1], "backward", true);
  task.grads.resize(task.roots.size());
  task.retain_graph = a.truth(2);
  task.create_graph = a.truth(3);
  if (a.given(4)) task.inputs = to_tensors(a[4], "backward");
  task.capture = a.truth(5);
  return tensor_tuple(run_backward(task));
}

const NativeEntry entries[] = {
    {"_run_backward",
     "tensors, grad_tensors, retain_graph, create_graph, inputs=None, capture=False",
     py_run_backward, "Runs the engine."},
    bind<[](const char* name) { return node_subtype(name); }>("_node_type", "name"),
    bind<[](Tensor& t) {
      const Edge edge = edge_of(t);
      return std::tuple(Object::steal(edge.node->py()), int64_t{edge.nr});
    }>("_gradient_edge", "input"),
    {}};

const Functions functions(entries),
    declared(entries_of<engine_functions, edge_functions, assign_functions, mode_functions,
                        node_functions, saved_functions, autocast_functions>.data());

}  // namespace

}  // namespace flambeau
