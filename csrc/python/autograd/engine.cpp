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
    bind<queue_callback>("_queue_callback", "callback"),
    fact(bind<reaches_beyond>("_reaches_beyond", "tensors, inputs")),
    bind<current_backward>("_current_backward", ""),
    bind<backward_depth>("_backward_depth", ""),
    bind<order_of_execution>("_order_of_execution", ""),
    bind<will_reach>("_will_reach", "node"),
    bind<running_node>("_running_node", ""),
    bind<will_run>("_will_run", "node"),
    bind<[](const char* name) { return node_subtype(name); }>("_node_type", "name"),
    bind<backward_name>("_backward_name", "operator_name"),
    bind<exchange_autocast>("_set_autocast", "on, dtype, cuda=False"),
    bind<autocast_dtype>("_autocast_dtype", "cuda=False"),
    bind<set_grad_enabled>("_set_grad_enabled", "enabled"),
    fact(function(bind<[] { return bool{grad_mode_enabled}; }>("is_grad_enabled", " -> bool",
                                                               "Whether operators are recorded."))),
    bind<set_inference_mode>("_set_inference_mode", "enabled"),
    fact(function(bind<[] { return bool{inference_mode_enabled}; }>(
        "is_inference_mode_enabled", " -> bool", "Whether inference mode is on."))),
    bind<set_anomaly>("_set_anomaly", "enabled, check_nan"),
    bind<anomaly>("_anomaly", ""),
    fact(method(bind<[](Tensor& t, Flag wanted) -> Tensor& {
      set_requires_grad(t, wanted);
      return t;
    }>("requires_grad_", "input, requires_grad=True", "Sets requires_grad in place."))),
    fact(method(bind<keep_grad>("retain_grad", "input -> None",
                                "Keep the gradient of a non-leaf in its grad."))),
    fact(method(bind<add_tensor_hook>("register_hook", "input, hook -> object",
                                      "Call hook(grad) whenever the gradient is computed."))),
    fact(method(bind<add_post_accumulate_hook>(
        "register_post_accumulate_grad_hook", "input, hook -> object",
        "Call hook(tensor) after its gradient was accumulated."))),
    method(bind<detach_>("detach_", "input", "Takes a tensor out of the graph in place.")),
    bind<push_saved_hooks>("_push_saved_tensors_hooks", "pack, unpack"),
    bind<pop_saved_hooks>("_pop_saved_tensors_hooks", ""),
    bind<accumulated_variable>("_accumulated_variable", "node"),
    bind<saved_value>("_saved_value", "node, name, raw"),
    bind<call_node>("_call_node", "node, grad_outputs"),
    bind<pack_saved>("_pack_saved", "node, place, pack, unpack"),
    bind<[](Tensor& t) {
      const Edge edge = edge_of(t);
      return std::tuple(Object::steal(edge.node->py()), int64_t{edge.nr});
    }>("_gradient_edge", "input"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
