// The autograd engine and its switches as Python functions.
#include <unordered_set>

#include "autograd/assign.h"
#include "autograd/engine.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"
#include "python/bind.h"

namespace flambeau {

template <>
struct Argument<Node*> {
  static Node* read(Reader& r) {
    PyObject* o = r.args[r.at++];
    check<TypeError>(PyObject_TypeCheck(o, node_type), [&] {
      return message(r.args.function(), ": takes a node, not ", Py_TYPE(o)->tp_name, ".");
    });
    return reinterpret_cast<Node*>(o);
  }
};

namespace {

std::vector<TensorRef> tensor_list(PyObject* o, const char* function, bool allow_none) {
  std::vector<TensorRef> list;
  if (!o || o == Py_None) return list;
  Object items = Object::steal(PySequence_Fast(o, "takes a sequence of tensors"));
  if (!items && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    throw TypeError(
        message(function, ": takes a sequence of Tensors, not ", Py_TYPE(o)->tp_name, "."));
  }
  if (!items) throw PythonError();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    if (allow_none && item == Py_None) {
      list.emplace_back();
      continue;
    }
    check<TypeError>(is_tensor(item), [&] {
      return message(function, ": element ", i, " is a ", Py_TYPE(item)->tp_name,
                     ", not a Tensor.");
    });
    list.push_back(TensorRef::borrow(as_tensor(item)));
  }
  return list;
}

constexpr int most_deep = 40;  // backwards inside each other on one stack

/// _run_backward(tensors, grad_tensors, retain_graph, create_graph, inputs, capture) -> tuple
PyObject* py_run_backward(const Call& call) {
  if (backward_depth() >= most_deep) {
    Object module = Object::steal(PyImport_ImportModule("flambeau.autograd.engine"));
    Object run =
        module ? Object::steal(PyObject_GetAttrString(module.get(), "on_fresh_stack")) : Object();
    return run ? PyObject_Vectorcall(run.get(), call.args, static_cast<size_t>(call.n), call.names)
               : nullptr;
  }
  Args a(call);
  Backward task;
  task.roots = tensor_list(a[0], "backward", false);
  task.grads = tensor_list(a[1], "backward", true);
  task.grads.resize(task.roots.size());
  task.retain_graph = a.truth(2);
  task.create_graph = a.truth(3);
  task.inputs = tensor_list(a[4], "backward", false);
  task.capture = a.truth(5);
  return tensor_tuple(run_backward(task));
}

void queue(PyObject* callback) {
  check<TypeError>(PyCallable_Check(callback), [&] {
    return message("queue_callback: takes a callable, not ", Py_TYPE(callback)->tp_name, ".");
  });
  queue_callback(callback);
}

bool set_grad_enabled(bool value) { return std::exchange(grad_mode_enabled, value); }
bool set_inference(bool value) { return std::exchange(inference_mode_enabled, value); }
/// What they were before; None keeps the dtype.
std::tuple<bool, DType> set_autocast(bool on, std::optional<DType> dtype, bool cuda) {
  Autocast::Kind& kind = cuda ? autocast.cuda : autocast.cpu;
  const Autocast::Kind before = kind;
  kind = {on, dtype.value_or(before.dtype)};
  autocast.on = autocast.cpu.on || autocast.cuda.on;
  return {before.on, before.dtype};
}
/// What autocast lowers to in this thread; None where it is off.
std::optional<DType> autocast_dtype(bool cuda) {
  const Autocast::Kind& kind = cuda ? autocast.cuda : autocast.cpu;
  return kind.on ? std::optional(kind.dtype) : std::nullopt;
}
void set_anomaly(bool enabled, bool check_nan) {
  anomaly_mode = enabled;
  anomaly_check_nan = check_nan;
}

/// The node and number a tensor's gradient goes to: (node, nr).
PyObject* edge_of(Tensor& t) {
  check(requires_grad(t), [&] {
    return message("get_gradient_edge: ", describe(t),
                   " does not require grad, so no gradient flows to it.");
  });
  Edge e = gradient_edge(t);
  return Py_BuildValue("(NI)", e.node->py(), e.nr);
}

/// Whether the graph of tensors, cut off at inputs, has other leaves.
bool reaches_beyond(PyObject* tensors, PyObject* inputs) {
  std::unordered_set<Node*> seen;
  std::vector<Ref<Node>> waiting;
  auto visit = [&](Node* node) {
    if (node && seen.insert(node).second) waiting.push_back(Ref<Node>::borrow(node));
  };
  auto each = [&](PyObject* list, auto&& use) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
      Tensor& t = *as_tensor(PyList_GET_ITEM(list, i));
      if (!requires_grad(t)) continue;
      Ref<Node> node = Ref<Node>::steal(gradient_edge(t).node);
      use(node.get());
      if (list == inputs) waiting.push_back(node);  // alive, so that no other has its place
    }
  };
  check<TypeError>(PyList_Check(tensors) && PyList_Check(inputs),
                   [] { return message("_reaches_beyond(): takes two lists of Tensors."); });
  each(inputs, [&](Node* node) { seen.insert(node); });
  const size_t kept = waiting.size();
  each(tensors, visit);
  while (waiting.size() > kept) {
    Ref<Node> node = std::move(waiting.back());
    waiting.pop_back();
    if (accumulated_variable(node.get())) return true;
    for (uint32_t i = 0; i < node->n_edges; ++i) visit(node->edges[i].node);
  }
  return false;
}

const NativeEntry entries[] = {
    {"_run_backward",
     "tensors, grad_tensors, retain_graph, create_graph, inputs=None, capture=False",
     py_run_backward, "Runs the engine."},
    bind<queue>("_queue_callback", "callback",
                "Calls it when the backward that runs now has ended."),
    fact(bind<reaches_beyond>("_reaches_beyond", "tensors, inputs")),
    bind<current_backward>("_current_backward", "", "The number of the backward that runs, or -1."),
    bind<[] { return int64_t{backward_depth()}; }>("_backward_depth", "",
                                                   "How many backwards run inside each other."),
    bind<order_of_execution>("_order_of_execution", "",
                             "The nodes that the running backward will still call, in order."),
    bind<will_reach>("_will_reach", "node",
                     "Whether a gradient of the running backward comes to this node."),
    bind<running_node>("_running_node", ""),
    bind<will_run>("_will_run", "node", "Whether the running backward calls this node."),
    bind<[](const char* name) {
      return Object::borrow(reinterpret_cast<PyObject*>(node_subtype(name)));
    }>("_node_type", "name", "The Python type of the nodes of this name."),
    bind<[](const char* name) {
      return Object::steal(PyUnicode_FromString(backward_name(name).c_str()));
    }>("_backward_name", "operator_name", "The name of an operator's node."),
    bind<set_autocast>("_set_autocast", "on, dtype, cuda=False"),
    bind<autocast_dtype>("_autocast_dtype", "cuda=False"),
    bind<set_grad_enabled>("_set_grad_enabled", "enabled",
                           "Turns recording on or off; returns what it was."),
    fact(function(bind<[] { return bool{grad_mode_enabled}; }>("is_grad_enabled", " -> bool",
                                                               "Whether operators are recorded."))),
    bind<set_inference>("_set_inference_mode", "enabled",
                        "Turns inference mode on or off; returns what it was."),
    fact(function(bind<[] { return bool{inference_mode_enabled}; }>(
        "is_inference_mode_enabled", " -> bool", "Whether inference mode is on."))),
    bind<set_anomaly>("_set_anomaly", "enabled, check_nan", "Turns anomaly mode on or off."),
    bind<[] { return std::tuple<bool, bool>(anomaly_mode, anomaly_check_nan); }>(
        "_anomaly", "", "(enabled, check_nan) of anomaly mode."),
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
    bind<[](PyObject* pack, PyObject* unpack) { push_saved_hooks(pack, unpack); }>(
        "_push_saved_tensors_hooks", "pack, unpack",
        "Pack and unpack hooks for what is saved from now on."),
    bind<pop_saved_hooks>("_pop_saved_tensors_hooks", "", "Ends the latest hooks."),
    bind<[](Node* node) {
      Tensor* t = accumulated_variable(node);
      return t ? TensorRef::borrow(t) : TensorRef();
    }>("_accumulated_variable", "node", "The leaf of an AccumulateGrad node."),
    bind<edge_of>("_gradient_edge", "input"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
