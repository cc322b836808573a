// The autograd engine and its switches as Python functions.
#include <unordered_set>

#include "autograd/engine.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"
#include "python/args.h"

namespace flambeau {

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

PyObject* py_queue_callback(const Call& call) {
  Args a(call);
  check<TypeError>(PyCallable_Check(a[0]), [&] {
    return message("queue_callback: takes a callable, not ", Py_TYPE(a[0])->tp_name, ".");
  });
  queue_callback(a[0]);
  Py_RETURN_NONE;
}
PyObject* py_current_backward(const Call&) { return PyLong_FromLongLong(current_backward()); }
PyObject* py_backward_depth(const Call&) { return PyLong_FromLong(backward_depth()); }
PyObject* py_order_of_execution(const Call&) { return order_of_execution().release(); }
PyObject* py_will_run(const Call& call) {
  check<TypeError>(call.n == 1 && PyObject_TypeCheck(call.args[0], node_type),
                   [] { return message("will_engine_execute_node: takes a node."); });
  return PyBool_FromLong(will_run(reinterpret_cast<Node*>(call.args[0])));
}
PyObject* py_will_reach(const Call& call) {
  check<TypeError>(call.n == 1 && PyObject_TypeCheck(call.args[0], node_type),
                   [] { return message("_will_reach: takes a node."); });
  return PyBool_FromLong(will_reach(reinterpret_cast<Node*>(call.args[0])));
}
PyObject* py_running_node(const Call&) {
  Node* node = running_node();
  return Py_NewRef(node ? node->py() : Py_None);
}
PyObject* py_node_type(const Call& call) {
  Args a(call);
  const char* name = PyUnicode_AsUTF8(a[0]);
  if (!name) throw PythonError();
  return Py_NewRef(reinterpret_cast<PyObject*>(node_subtype(name)));
}
PyObject* py_backward_name(const Call& call) {
  Args a(call);
  const char* name = PyUnicode_AsUTF8(a[0]);
  if (!name) throw PythonError();
  return PyUnicode_FromString(backward_name(name).c_str());
}

PyObject* swap_flag(bool& flag, const Call& call) {
  bool before = flag;
  flag = Args(call).truth(0);
  return PyBool_FromLong(before);
}
PyObject* py_set_grad_enabled(const Call& call) { return swap_flag(grad_mode_enabled, call); }
PyObject* py_is_grad_enabled(const Call&) { return PyBool_FromLong(grad_mode_enabled); }
PyObject* py_set_inference(const Call& call) { return swap_flag(inference_mode_enabled, call); }
PyObject* py_is_inference(const Call&) { return PyBool_FromLong(inference_mode_enabled); }
/// _set_autocast(on, dtype) -> what they were before; None keeps the dtype.
PyObject* py_set_autocast(const Call& call) {
  Args a(call);
  Autocast before = autocast;
  autocast.on = a.truth(0);
  if (a.given(1)) autocast.dtype = to_dtype_value(a[1], "_set_autocast");
  return Py_BuildValue("(OO)", before.on ? Py_True : Py_False, dtype_object(before.dtype));
}
PyObject* py_autocast_dtype(const Call&) {
  PyObject* dtype = autocast.on ? dtype_object(autocast.dtype) : Py_None;
  return Py_NewRef(dtype);
}
PyObject* py_set_anomaly(const Call& call) {
  Args a(call);
  anomaly_mode = a.truth(0);
  anomaly_check_nan = a.truth(1);
  Py_RETURN_NONE;
}
PyObject* py_anomaly(const Call&) {
  return Py_BuildValue("(OO)", anomaly_mode ? Py_True : Py_False,
                       anomaly_check_nan ? Py_True : Py_False);
}

PyObject* py_requires_grad_(const Call& call) {
  Args a(call);
  mark_requires_grad(a.tensor(0), a.flag(1));
  Py_INCREF(a[0]);
  return a[0];
}
PyObject* py_retain_grad(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  check(requires_grad(t), [&] {
    return message("retain_grad: ", describe(t),
                   " does not require grad, so no gradient comes to it. Call requires_grad_() on "
                   "the leaves first.");
  });
  retain_grad(t);
  Py_RETURN_NONE;
}
PyObject* py_register_hook(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  check(requires_grad(t), [&] {
    return message("register_hook: ", describe(t),
                   " does not require grad, so the hook would never run. Call requires_grad_() on "
                   "it first.");
  });
  return register_tensor_hook(t, a[1]);
}
PyObject* py_register_post_hook(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  check(requires_grad(t) && is_leaf(t), [&] {
    return message("register_post_accumulate_grad_hook: takes a leaf that requires grad, which ",
                   describe(t), " is not.");
  });
  return register_post_accumulate_hook(t, a[1]);
}
PyObject* py_hooks(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  PyObject* h = t.autograd && t.autograd->hooks ? t.autograd->hooks.get() : Py_None;
  Py_INCREF(h);
  return h;
}
PyObject* py_detach_(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  check(!(t.autograd && t.autograd->base), [&] {
    return message("detach_: ", describe(t),
                   " is a view, whose base keeps its history. Use detach(), which gives a new "
                   "tensor.");
  });
  if (t.autograd) {
    t.autograd->grad_fn = nullptr;
    t.autograd->output_nr = 0;
    t.autograd->hooks = nullptr;
    t.autograd->retains_grad = false;
  }
  t.requires_grad_leaf = false;
  Py_INCREF(t.py());
  return t.py();
}
PyObject* py_push_hooks(const Call& call) {
  Args a(call);
  push_saved_hooks(a[0], a[1]);
  Py_RETURN_NONE;
}
PyObject* py_pop_hooks(const Call&) {
  pop_saved_hooks();
  Py_RETURN_NONE;
}
PyObject* py_variable(const Call& call) {
  check<TypeError>(call.n == 1 && PyObject_TypeCheck(call.args[0], node_type),
                   [] { return message("_accumulated_variable(): expected a Node."); });
  Tensor* t = accumulated_variable(reinterpret_cast<Node*>(call.args[0]));
  PyObject* r = t ? t->py() : Py_None;
  Py_INCREF(r);
  return r;
}
/// The node and number a tensor's gradient goes to: (node, nr).
PyObject* py_gradient_edge(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  check(requires_grad(t), [&] {
    return message("get_gradient_edge: ", describe(t),
                   " does not require grad, so no gradient flows to it.");
  });
  Edge e = gradient_edge(t);
  return Py_BuildValue("(NI)", e.node->py(), e.nr);
}

/// _reaches_beyond(tensors, inputs): whether their graph, cut off at inputs, has other leaves.
PyObject* py_reaches_beyond(const Call& call) {
  Args a(call);
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
      if (list == a[1]) waiting.push_back(node);  // alive, so that no other has its place
    }
  };
  check<TypeError>(PyList_Check(a[0]) && PyList_Check(a[1]),
                   [] { return message("_reaches_beyond(): takes two lists of Tensors."); });
  each(a[1], [&](Node* node) { seen.insert(node); });
  const size_t inputs = waiting.size();
  each(a[0], visit);
  while (waiting.size() > inputs) {
    Ref<Node> node = std::move(waiting.back());
    waiting.pop_back();
    if (accumulated_variable(node.get())) Py_RETURN_TRUE;
    for (uint32_t i = 0; i < node->n_edges; ++i) visit(node->edges[i].node);
  }
  Py_RETURN_FALSE;
}

const NativeEntry entries[] = {
    {"_run_backward",
     "tensors, grad_tensors, retain_graph, create_graph, inputs=None, capture=False",
     py_run_backward, "Runs the engine."},
    {"_queue_callback", "callback", py_queue_callback,
     "Calls it when the backward that runs now has ended."},
    {"_reaches_beyond", "tensors, inputs", py_reaches_beyond,
     "Whether the graph of tensors has leaves beside those given.", Mixing::all, Shown::no},
    {"_current_backward", "", py_current_backward, "The number of the backward that runs, or -1."},
    {"_backward_depth", "", py_backward_depth, "How many backwards run inside each other."},
    {"_order_of_execution", "", py_order_of_execution,
     "The nodes that the running backward will still call, in order."},
    {"_will_reach", "node", py_will_reach,
     "Whether a gradient of the running backward comes to this node."},
    {"_running_node", "", py_running_node, "The node whose backward runs, or None."},
    {"_will_run", "node", py_will_run, "Whether the running backward calls this node."},
    {"_node_type", "name", py_node_type, "The Python type of the nodes of this name."},
    {"_backward_name", "operator_name", py_backward_name, "The name of an operator's node."},
    {"_set_autocast", "on, dtype", py_set_autocast,
     "Turns autocast on or off and sets its dtype; returns both as they were."},
    {"_autocast_dtype", "", py_autocast_dtype,
     "What autocast lowers to in this thread; None where it is off."},
    {"_set_grad_enabled", "enabled", py_set_grad_enabled,
     "Turns recording on or off; returns what it was."},
    fact(function(
        {"is_grad_enabled", " -> bool", py_is_grad_enabled, "Whether operators are recorded."})),
    {"_set_inference_mode", "enabled", py_set_inference,
     "Turns inference mode on or off; returns what it was."},
    fact(function({"is_inference_mode_enabled", " -> bool", py_is_inference,
                   "Whether inference mode is on."})),
    {"_set_anomaly", "enabled, check_nan", py_set_anomaly, "Turns anomaly mode on or off."},
    {"_anomaly", "", py_anomaly, "(enabled, check_nan) of anomaly mode."},
    fact(method({"requires_grad_", "input, requires_grad=True", py_requires_grad_,
                 "Sets requires_grad in place."})),
    fact(method({"retain_grad", "input -> None", py_retain_grad,
                 "Keep the gradient of a non-leaf in its grad."})),
    fact(method({"register_hook", "input, hook -> object", py_register_hook,
                 "Call hook(grad) whenever the gradient is computed."})),
    fact(method({"register_post_accumulate_grad_hook", "input, hook -> object",
                 py_register_post_hook, "Call hook(tensor) after its gradient was accumulated."})),
    {"_hooks", "input", py_hooks, "The dict of hooks on a tensor."},
    method({"detach_", "input", py_detach_, "Takes a tensor out of the graph in place."}),
    {"_push_saved_tensors_hooks", "pack, unpack", py_push_hooks,
     "Pack and unpack hooks for what is saved from now on."},
    {"_pop_saved_tensors_hooks", "", py_pop_hooks, "Ends the latest hooks."},
    {"_accumulated_variable", "node", py_variable, "The leaf of an AccumulateGrad node."},
    {"_gradient_edge", "input", py_gradient_edge,
     "The node and output number that a tensor's gradient goes to."},
    {}};

}  // namespace

void initialize_autograd(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
