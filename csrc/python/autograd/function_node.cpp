// The `ctx` that a Function's forward and backward see, and how its results are recorded.
#include "python/autograd/function_node.h"

#include <algorithm>

#include "dispatch/basics.h"
#include "python/bind.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

constexpr int from_result = -1, from_elsewhere = -2;

FunctionNode& function_of(PyObject* o) { return *reinterpret_cast<FunctionNode*>(o); }

void function_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  FunctionNode& self = *reinterpret_cast<FunctionNode*>(node);
  if (node->released && !self.is_none.empty()) throw_released(node);
  Object args = Object::steal(PyTuple_New(1 + node->n_results));
  Py_INCREF(node->py());
  PyTuple_SET_ITEM(args.get(), 0, node->py());
  for (uint32_t i = 0; i < node->n_results; ++i) {
    if (!grad_outputs[i] && self.materialize && i < self.result_dtypes.size() &&
        self.result_is_tensor[i])
      grad_outputs[i] = zeros(node->results[i].dims(), self.result_dtypes[i]);
    PyObject* g = grad_outputs[i] ? grad_outputs[i].py() : Py_None;
    Py_INCREF(g);
    PyTuple_SET_ITEM(args.get(), 1 + i, g);
  }
  Object result = Object::steal(PyObject_Call(self.backward.get(), args.get(), nullptr));
  if (!result) throw PythonError();
  Object tuple = Object::steal(PyTuple_Check(result.get()) ? (Py_INCREF(result.get()), result.get())
                                                           : PyTuple_Pack(1, result.get()));
  Py_ssize_t given = PyTuple_GET_SIZE(tuple.get()),
             wanted = static_cast<Py_ssize_t>(self.group.size());
  for (Py_ssize_t i = wanted; i < given; ++i)
    check(PyTuple_GET_ITEM(tuple.get(), i) == Py_None, [&] {
      return message(node->name(), ": backward returned ", given, " gradients for ", wanted,
                     " inputs of forward; those beyond must be None.");
    });
  check(given >= wanted || given == 1, [&] {
    return message(node->name(), ": backward returned ", given, " gradients for ", wanted,
                   " inputs of forward. Return one for each, None where there is none.");
  });
  uint32_t edge = 0;
  auto put = [&](PyObject* g) {
    if (g != Py_None) {
      check<TypeError>(is_tensor(g), [&] {
        return message(node->name(), ": backward returned ", Py_TYPE(g)->tp_name,
                       " as a gradient; each must be a Tensor or None.");
      });
      if (node->edges[edge].node) grad_inputs[edge] = TensorRef::borrow(as_tensor(g));
    }
    ++edge;
  };
  for (Py_ssize_t i = 0; i < wanted; ++i) {
    PyObject* g = i < given ? PyTuple_GET_ITEM(tuple.get(), i) : Py_None;
    int kind = self.group[static_cast<size_t>(i)], count = self.group_size[static_cast<size_t>(i)];
    if (kind == 1) {
      put(g);
    } else if (kind == 2) {
      Object list = g == Py_None ? Object() : Object::steal(PySequence_List(g));
      if (g != Py_None && !list) throw PythonError();
      check(!list || PyList_GET_SIZE(list.get()) == count, [&] {
        return message("function ", node->name(), ": a list of ", count,
                       " tensors needs as many gradients.");
      });
      for (int k = 0; k < count; ++k) put(list ? PyList_GET_ITEM(list.get(), k) : Py_None);
    }
  }
}

void function_release(Node* node) {
  FunctionNode& self = *reinterpret_cast<FunctionNode*>(node);
  for (auto& s : self.saved) s.reset();
}

void function_visit(Node* node, Visitor& visitor) {
  FunctionNode& self = *reinterpret_cast<FunctionNode*>(node);
  visitor(self.backward) && visitor(self.to_save) && visitor(self.dirty) &&
      visitor(self.non_differentiable) && visitor(self.needs_input_grad);
  for (auto& s : self.saved) s.visit(visitor);
}

SavedValue function_find(Node* node, const char* name) {
  FunctionNode& self = *reinterpret_cast<FunctionNode*>(node);
  PyObject* names = primitive_arguments(Py_TYPE(node));
  if (!names) return {};
  int from = strcmp(name, "result") == 0 ? from_result : from_elsewhere;
  for (int i = 0; i < PyTuple_GET_SIZE(names); ++i)
    if ((i == 0 && strcmp(name, "self") == 0) ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0)
      from = i;
  SavedValue found{from != from_elsewhere};
  if (from != from_elsewhere)
    for (size_t k = 0; k < self.saved.size(); ++k)
      if (self.saved_from[k] == from) found.tensor = &self.saved[k];
  PyObject* attribute = node->dict ? PyDict_GetItemString(node->dict, name) : nullptr;
  if (attribute && !found.tensor) found = {true, nullptr, Object::borrow(attribute)};
  return found;
}

bool function_takes_sparse(Node* node) {
  PyTypeObject* type = Py_TYPE(node->py());
  return !primitive_arguments(type) || primitive_takes_sparse(type);
}

const NodeKind function_kind = {function_backward, function_release, destroy_as<FunctionNode>,
                                function_visit,    function_find,    function_takes_sparse};

}  // namespace

PyTypeObject* function_node_type = nullptr;

Ref<FunctionNode> new_function_node(PyTypeObject* type, PyObject* backward) {
  Ref<FunctionNode> node = make_node<FunctionNode>(type, &function_kind);
  node->backward = Object::borrow(backward);
  return node;
}

namespace {

// ---------------------------------------------------------------------------------------------
// ctx as Python sees it

PyObject* ctx_save(PyObject* o, PyObject* args) {
  function_of(o).to_save = Object::borrow(args);
  Py_RETURN_NONE;
}

PyObject* ctx_saved(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    FunctionNode& self = function_of(o);
    if (self.to_save) {
      Py_INCREF(self.to_save.get());
      return self.to_save.get();
    }
    if (self.node.released && !self.saved.empty()) throw_released(&self.node);
    PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(self.is_none.size()));
    Object guard = Object::steal(tuple);
    size_t at = 0;
    for (size_t i = 0; i < self.is_none.size(); ++i) {
      PyObject* item = Py_None;
      Py_INCREF(Py_None);
      if (!self.is_none[i]) {
        Py_DECREF(Py_None);
        item = self.saved[at++].unpack(&self.node, "tensor").release_py();
      }
      PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), item);
    }
    return guard.release();
  });
}

PyObject* ctx_raw_saved(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    FunctionNode& self = function_of(o);
    if (self.node.released && !self.saved.empty()) throw_released(&self.node);
    Object tuple = Object::steal(PyTuple_New(static_cast<Py_ssize_t>(self.is_none.size())));
    size_t at = 0;
    for (size_t i = 0; i < self.is_none.size(); ++i)
      PyTuple_SET_ITEM(
          tuple.get(), static_cast<Py_ssize_t>(i),
          saved_tensor_object(&self.node, self.is_none[i] ? nullptr : &self.saved[at++]));
    return tuple.release();
  });
}

PyObject* ctx_mark_dirty(PyObject* o, PyObject* args) {
  function_of(o).dirty = Object::borrow(args);
  Py_RETURN_NONE;
}
PyObject* ctx_mark_non_differentiable(PyObject* o, PyObject* args) {
  function_of(o).non_differentiable = Object::borrow(args);
  Py_RETURN_NONE;
}
PyObject* ctx_materialize(PyObject* o, PyObject* value) {
  int truth = PyObject_IsTrue(value);
  if (truth < 0) return nullptr;
  function_of(o).materialize = truth == 1;
  Py_RETURN_NONE;
}
template <Object FunctionNode::* member>
PyObject* ctx_get(PyObject* o, void*) {
  PyObject* value = (function_of(o).*member).get();
  return Py_NewRef(value ? value : Py_None);
}
PyObject* ctx_materializes(PyObject* o, void*) {
  return PyBool_FromLong(function_of(o).materialize);
}

struct LinkNode {
  Node node;
};

void link_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = grad_outputs[0];
  Edge edge = node->edges[1];
  const ResultMeta& source = edge.node->results[edge.nr];
  grad_inputs[1] = zeros(source.dims(), source.dtype);
}
void link_release(Node*) {}
const NodeKind link_kind = {link_backward, link_release, destroy_as<LinkNode>};

/// linked(gradient): the gradient, which requires grad through the first argument that does: its
/// derivative with respect to that is zero.
PyObject* ctx_linked(PyObject* o, PyObject* gradient) {
  return guarded([&]() -> PyObject* {
    check<TypeError>(is_tensor(gradient),
                     [] { return message("linked: expected the gradient, a Tensor."); });
    Node& self = function_of(o).node;
    Tensor& t = *as_tensor(gradient);
    Edge to{nullptr, 0};
    for (uint32_t i = 0; i < self.n_edges && !to.node; ++i) to = self.edges[i];
    if (!grad_mode_enabled || !to.node || to.nr >= to.node->n_results ||
        !is_differentiable(t.dtype))
      return TensorRef::borrow(&t).release_py();
    static PyTypeObject* type = node_subtype("LinkBackward0");
    Ref<LinkNode> node = make_node<LinkNode>(type, &link_kind);
    node->node.set_edges(2);
    set_edge(&node->node, 0, &t);
    Py_INCREF(to.node->py());
    node->node.edges[1] = to;
    TensorRef result = raw_view(t, sizes_of(t), strides_of(t), t.offset);
    set_history(*result, &node->node);
    return result.release_py();
  });
}

PyMethodDef ctx_methods[] = {
    {"linked", ctx_linked, METH_O,
     "A gradient that requires grad through the inputs, with a derivative of zero."},
    {"save_for_backward", ctx_save, METH_VARARGS,
     "Keep tensors for backward; writes to them are noticed."},
    {"mark_dirty", ctx_mark_dirty, METH_VARARGS, "Say which inputs forward wrote in place."},
    {"mark_non_differentiable", ctx_mark_non_differentiable, METH_VARARGS,
     "Say which outputs have no gradient."},
    {"set_materialize_grads", ctx_materialize, METH_O,
     "Whether missing gradients come as zeros (the default) or None."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef ctx_getset[] = {
    {"saved_tensors", ctx_saved, nullptr, "What save_for_backward kept.", nullptr},
    {"saved", ctx_saved, nullptr, "What save_for_backward kept.", nullptr},
    {"_raw_saved_tensors", ctx_raw_saved, nullptr, "The same as SavedTensors, which take hooks.",
     nullptr},
    {"needs_input_grad", ctx_get<&FunctionNode::needs_input_grad>, nullptr,
     "For each argument, whether its gradient is wanted.", nullptr},
    {"dirty_tensors", ctx_get<&FunctionNode::dirty>, nullptr, "What mark_dirty named, or None.",
     nullptr},
    {"non_differentiable", ctx_get<&FunctionNode::non_differentiable>, nullptr,
     "What mark_non_differentiable named, or None.", nullptr},
    {"materialize_grads", ctx_materializes, nullptr,
     "Whether missing gradients come as zeros; see set_materialize_grads.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// ---------------------------------------------------------------------------------------------
// recording

bool wants_grad(PyObject* o) { return is_tensor(o) && requires_grad(*as_tensor(o)); }

bool contains(PyObject* const* items, Py_ssize_t n, PyObject* o) {
  return std::find(items, items + n, o) != items + n;
}

bool contains(const Object& tuple, PyObject* o) {
  if (!tuple) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple.get()); ++i)
    if (PyTuple_GET_ITEM(tuple.get(), i) == o) return true;
  return false;
}

/// Raises unless what mark_dirty named are inputs that may be written and are handed out again.
void check_dirty(FunctionNode& self, PyObject* const* outputs, Py_ssize_t count,
                 PyObject* const* args, Py_ssize_t n) {
  const char* function = self.node.name();
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.dirty.get()); ++i) {
    PyObject* o = PyTuple_GET_ITEM(self.dirty.get(), i);
    check<TypeError>(is_tensor(o), [&] {
      return message(function, ": mark_dirty takes tensors, not ", Py_TYPE(o)->tp_name, ".");
    });
    check(contains(outputs, count, o), [&] {
      return message(function,
                     ": mark_dirty named a tensor that forward does not return. An input "
                     "that is written in place must be an output.");
    });
    if (!contains(args, n, o)) {
      std::string text = message(function,
                                 ": mark_dirty named a tensor that is no input. Only inputs "
                                 "that forward writes in place need it.");
      warn(text);
    }
    Tensor& t = *as_tensor(o);
    check(!(requires_grad(t) && is_leaf(t)), [&] {
      return message(function, ": forward wrote to a leaf that requires grad, ", describe(t),
                     ". Give it a clone().");
    });
    check(count == 1 || !(t.autograd && t.autograd->base), [&] {
      return message(function, ": forward wrote to a view, ", describe(t), ", and returned ", count,
                     " tensors; with a written view it can return that alone.");
    });
  }
}

}  // namespace

bool inspect_arguments(FunctionNode& self, PyObject* const* args, Py_ssize_t n) {
  Object needs = Object::steal(PyTuple_New(n));
  bool any = false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    bool one = wants_grad(args[i]);
    if (is_list(args[i]))
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); ++k)
        one |= wants_grad(PySequence_Fast_GET_ITEM(args[i], k));
    any |= one;
    PyTuple_SET_ITEM(needs.get(), i, PyBool_FromLong(one));
  }
  self.needs_input_grad = std::move(needs);
  return any;
}

void set_argument_edges(FunctionNode& self, PyObject* const* args, Py_ssize_t n, bool lists) {
  std::vector<Tensor*> sources;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (is_tensor(args[i])) {
      sources.push_back(as_tensor(args[i]));
      self.group.push_back(1);
      self.group_size.push_back(1);
    } else if (lists && is_list(args[i])) {
      Py_ssize_t count = PySequence_Fast_GET_SIZE(args[i]);
      for (Py_ssize_t k = 0; k < count; ++k) {
        PyObject* item = PySequence_Fast_GET_ITEM(args[i], k);
        sources.push_back(is_tensor(item) ? as_tensor(item) : nullptr);
      }
      self.group.push_back(2);
      self.group_size.push_back(static_cast<int>(count));
    } else {
      self.group.push_back(0);
      self.group_size.push_back(0);
    }
  }
  self.node.set_edges(static_cast<uint32_t>(sources.size()));
  for (size_t i = 0; i < sources.size(); ++i)
    if (sources[i] && is_differentiable(sources[i]->dtype))
      set_edge(&self.node, static_cast<uint32_t>(i), sources[i]);
}

Object record_outputs(FunctionNode& self, Object result, bool history, PyObject* const* args,
                      Py_ssize_t n) {
  bool single = is_tensor(result.get());
  bool sequence = !single && is_list(result.get());
  Py_ssize_t count = single ? 1 : sequence ? PySequence_Fast_GET_SIZE(result.get()) : 0;
  if (!history || count == 0) {
    self.to_save = nullptr;
    return result;
  }
  PyObject* result_item = result.get();
  self.node.set_results(static_cast<uint32_t>(count));
  self.result_dtypes.resize(static_cast<size_t>(count), DType::float32);
  self.result_is_tensor.resize(static_cast<size_t>(count), false);
  std::vector<PyObject*> outputs(static_cast<size_t>(count));
  std::vector<Object> replaced(static_cast<size_t>(count));
  bool changed = false;
  if (self.dirty)
    check_dirty(self, single ? &result_item : PySequence_Fast_ITEMS(result.get()), count, args, n);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* o = single ? result.get() : PySequence_Fast_GET_ITEM(result.get(), i);
    outputs[static_cast<size_t>(i)] = o;
    if (!is_tensor(o)) continue;
    Tensor* t = as_tensor(o);
    self.result_dtypes[static_cast<size_t>(i)] = t->dtype;
    self.result_is_tensor[static_cast<size_t>(i)] = true;
    self.node.results[i].set(*t);
    if (!is_differentiable(t->dtype) || contains(self.non_differentiable, o)) continue;
    bool is_input = false;
    for (Py_ssize_t k = 0; k < n; ++k) is_input |= args[k] == o;
    if (contains(self.dirty, o)) {
      rebase_history(*t, &self.node, static_cast<uint32_t>(i));
      continue;
    }
    if (is_input || (t->requires_grad_leaf)) {
      // An input handed through: a view of it, so that the input keeps its own history.
      TensorRef v = alias(*t);
      set_view(*v, *t, Creation::function);
      replaced[static_cast<size_t>(i)] = Object::steal(v.release_py());
      t = as_tensor(replaced[static_cast<size_t>(i)].get());
      changed = true;
    } else if (t->autograd && t->autograd->base) {
      t->autograd->creation = Creation::function;
      t->autograd->view_version = t->version().value;
    }
    set_history(*t, &self.node, static_cast<uint32_t>(i));
  }
  if (self.to_save) {
    Object list = std::move(self.to_save);
    self.to_save = nullptr;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(list.get()); ++i) {
      PyObject* o = PyTuple_GET_ITEM(list.get(), i);
      self.is_none.push_back(o == Py_None);
      if (o == Py_None) continue;
      check<TypeError>(is_tensor(o), [&] {
        return message("save_for_backward: item ", i, " is ", Py_TYPE(o)->tp_name,
                       "; it keeps Tensors and None. Keep other objects as attributes of ctx.");
      });
      Py_ssize_t nr = -1;
      for (Py_ssize_t k = 0; k < count; ++k)
        if (outputs[static_cast<size_t>(k)] == o) nr = k;
      self.saved.emplace_back();
      int from = nr >= 0 ? from_result : from_elsewhere;
      for (Py_ssize_t k = 0; k < n && from == from_elsewhere; ++k)
        if (args[k] == o) from = static_cast<int>(k);
      self.saved_from.push_back(from);
      if (nr >= 0)
        self.saved.back().save_result(*as_tensor(o), static_cast<uint32_t>(nr));
      else
        self.saved.back().save(*as_tensor(o));
    }
  }
  if (!changed) return result;
  if (single) return replaced[0];
  Object tuple = Object::steal(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* o = replaced[static_cast<size_t>(i)] ? replaced[static_cast<size_t>(i)].get()
                                                   : outputs[static_cast<size_t>(i)];
    Py_INCREF(o);
    PyTuple_SET_ITEM(tuple.get(), i, o);
  }
  return tuple;
}

namespace {

/// A node to be used as ctx.
Object make_ctx(PyObject* node_kind, PyObject* backward) {
  auto* type = reinterpret_cast<PyTypeObject*>(node_kind);
  check<TypeError>(PyType_Check(node_kind) && PyType_IsSubtype(type, function_node_type), [] {
    return message("_function_node(): takes a type made by _function_type.");
  });
  return Object::steal(new_function_node(type, backward).release_py());
}

FunctionNode& checked_ctx(const char* op, PyObject* ctx, PyObject* args) {
  check<TypeError>(PyObject_TypeCheck(ctx, function_node_type) && PyTuple_Check(args),
                   [&] { return message(op, ": takes a node and a tuple."); });
  return function_of(ctx);
}

/// Whether anything is to be recorded; sets ctx.needs_input_grad.
bool inspect(Called op, PyObject* ctx, PyObject* args) {
  FunctionNode& self = checked_ctx(op, ctx, args);
  return inspect_arguments(self, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)) &&
         grad_mode_enabled;
}

/// The result with its history set. Lists among args have no gradient.
Object record(Called op, PyObject* ctx, PyObject* args, PyObject* result, bool history) {
  FunctionNode& self = checked_ctx(op, ctx, args);
  PyObject* const* items = &PyTuple_GET_ITEM(args, 0);
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (history) set_argument_edges(self, items, n, false);
  return record_outputs(self, Object::borrow(result), history, items, n);
}

const NativeEntry entries[] = {
    bind<[](const char* name) {
      return Object::borrow(reinterpret_cast<PyObject*>(node_subtype(name, function_node_type)));
    }>("_function_type", "name", "The type of a Function's nodes."),
    bind<make_ctx>("_function_node", "type, backward",
                   "A node whose backward is a Python function."),
    bind<inspect>("_inspect_inputs", "ctx, args", "Whether a call is to be recorded."),
    bind<record>("_record_function", "ctx, args, result, history",
                 "Gives the results of a Python function their history."),
    {}};

}  // namespace

void initialize_function_node(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_base, node_type},
                                {Py_tp_methods, ctx_methods},
                                {Py_tp_getset, ctx_getset},
                                {0, nullptr}};
  static PyType_Spec spec = {
      "flambeau._core.FunctionNode", sizeof(Node), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  slots[0].pfunc = node_type;
  function_node_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  PyModule_AddObjectRef(module, "FunctionNode", reinterpret_cast<PyObject*>(function_node_type));
  add_functions(module, entries);
}

}  // namespace flambeau
