#include "autograd/function.h"

#include <algorithm>

#include "autograd/wanted.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

constexpr int from_result = -1, from_elsewhere = -2;
constexpr int one_tensor = -1;

FunctionNode& function_of(Node* node) { return *reinterpret_cast<FunctionNode*>(node); }

/// What backward is called with: the node, and its gradients, zeros where they are missing.
Object arguments_of(FunctionNode& self, TensorRef* grad_outputs) {
  Node& node = self.node;
  return tuple_of(1 + node.n_results, [&](Py_ssize_t place) {
    if (place == 0) return Py_NewRef(node.py());
    const auto i = static_cast<size_t>(place - 1);
    if (!grad_outputs[i] && self.materialize && i < self.result_dtypes.size() &&
        self.result_is_tensor[i])
      grad_outputs[i] = zeros(node.results[i].dims(), self.result_dtypes[i]);
    return Py_NewRef(grad_outputs[i] ? grad_outputs[i].py() : Py_None);
  });
}

/// Raises unless backward returned a gradient for each argument, and None beyond. A primitive may
/// return that of its first argument alone.
void check_count(const FunctionNode& self, const char* name, PyObject* gradients) {
  const Py_ssize_t given = PyTuple_GET_SIZE(gradients),
                   wanted = static_cast<Py_ssize_t>(self.edges_of.size());
  for (Py_ssize_t i = wanted; i < given; ++i)
    check(PyTuple_GET_ITEM(gradients, i) == Py_None, [&] {
      return message(name, ": backward returned ", given, " gradients for ", wanted,
                     " inputs of forward; those beyond must be None.");
    });
  check(given >= wanted || (given == 1 && self.argument_names), [&] {
    return message(name, ": backward returned ", given, " gradients for ", wanted,
                   " inputs of forward. Return one for each, None where there is none.");
  });
}

void function_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  FunctionNode& self = function_of(node);
  if (node->released && !self.is_none.empty()) throw_released(node);
  Object made =
      owned(PyObject_Call(self.backward.get(), arguments_of(self, grad_outputs).get(), nullptr));
  if (!PyTuple_Check(made.get())) made = owned(PyTuple_Pack(1, made.get()));
  check_count(self, node->name(), made.get());
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
  for (size_t i = 0; i < self.edges_of.size(); ++i) {
    const auto place = static_cast<Py_ssize_t>(i);
    PyObject* g =
        place < PyTuple_GET_SIZE(made.get()) ? PyTuple_GET_ITEM(made.get(), place) : Py_None;
    const int count = self.edges_of[i];
    if (count == one_tensor) {
      put(g);
      continue;
    }
    if (count == 0) continue;
    Object list = g == Py_None ? Object() : owned(PySequence_List(g));
    check(!list || PyList_GET_SIZE(list.get()) == count, [&] {
      return message("function ", node->name(), ": a list of ", count,
                     " tensors needs as many gradients.");
    });
    for (int k = 0; k < count; ++k) put(list ? PyList_GET_ITEM(list.get(), k) : Py_None);
  }
}

void function_release(Node* node) {
  for (Saved& s : function_of(node).saved) s.reset();
}

void function_visit(Node* node, Visitor& visitor) {
  FunctionNode& self = function_of(node);
  visitor(self.backward) && visitor(self.to_save) && visitor(self.dirty) &&
      visitor(self.non_differentiable) && visitor(self.needs_input_grad);
  for (Saved& s : self.saved) s.visit(visitor);
}

SavedValue function_find(Node* node, const char* name) {
  FunctionNode& self = function_of(node);
  PyObject* names = self.argument_names;
  if (!names) return {};
  int from = strcmp(name, "result") == 0 ? from_result : from_elsewhere;
  for (int i = 0; i < PyTuple_GET_SIZE(names); ++i)
    if ((i == 0 && strcmp(name, "self") == 0) || is_text(PyTuple_GET_ITEM(names, i), name))
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
  FunctionNode& self = function_of(node);
  return !self.sparse || *self.sparse;
}

const NodeKind function_kind = {function_backward, function_release, destroy_as<FunctionNode>,
                                function_visit,    function_find,    function_takes_sparse};

// -------------------------------------------------------------------------------------- linking

struct LinkNode {
  Node node;
};

void link_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = grad_outputs[0];
  Edge edge = node->edges[1];
  const ResultMeta& source = edge.node->results[edge.nr];
  grad_inputs[1] = zeros(source.dims(), source.dtype);
}
const NodeKind link_kind = {link_backward, nothing, destroy_as<LinkNode>};

}  // namespace

TensorRef link_gradient(FunctionNode& self, Tensor& gradient) {
  Edge to{nullptr, 0};
  for (uint32_t i = 0; i < self.node.n_edges && !to.node; ++i) to = self.node.edges[i];
  if (!grad_mode_enabled || !to.node || to.nr >= to.node->n_results ||
      !is_differentiable(gradient.dtype))
    return TensorRef::borrow(&gradient);
  static PyTypeObject* type = node_subtype("LinkBackward0");
  Ref<LinkNode> node = make_node<LinkNode>(type, &link_kind);
  node->node.set_edges(2);
  set_edge(&node->node, 0, &gradient);
  Py_INCREF(to.node->py());
  node->node.edges[1] = to;
  TensorRef result = alias(gradient);
  set_history(*result, &node->node);
  return result;
}

PyTypeObject* function_node_type = nullptr;

Ref<FunctionNode> new_function_node(PyTypeObject* type, PyObject* backward) {
  Ref<FunctionNode> node = make_node<FunctionNode>(type, &function_kind);
  node->backward = Object::borrow(backward);
  return node;
}

// ------------------------------------------------------------------------------------- recording

static bool wants_grad(PyObject* o) { return is_tensor(o) && requires_grad(*as_tensor(o)); }

bool inspect_arguments(FunctionNode& self, PyObject* const* args, Py_ssize_t n) {
  bool any = false;
  self.needs_input_grad = tuple_of(n, [&](Py_ssize_t i) {
    bool one = wants_grad(args[i]);
    if (is_list(args[i]))
      for (PyObject* item : Items(args[i])) one |= wants_grad(item);
    any |= one;
    return PyBool_FromLong(one);
  });
  return any;
}

void set_argument_edges(FunctionNode& self, PyObject* const* args, Py_ssize_t n, bool lists) {
  std::vector<Tensor*> sources;
  auto add = [&](PyObject* o) { sources.push_back(is_tensor(o) ? as_tensor(o) : nullptr); };
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (is_tensor(args[i])) {
      add(args[i]);
      self.edges_of.push_back(one_tensor);
    } else if (lists && is_list(args[i])) {
      const size_t before = sources.size();
      for (PyObject* item : Items(args[i])) add(item);
      self.edges_of.push_back(static_cast<int>(sources.size() - before));
    } else {
      self.edges_of.push_back(0);
    }
  }
  self.node.set_edges(static_cast<uint32_t>(sources.size()));
  for (size_t i = 0; i < sources.size(); ++i)
    if (sources[i] && is_differentiable(sources[i]->dtype))
      set_edge(&self.node, static_cast<uint32_t>(i), sources[i]);
}

namespace {

/// Objects side by side: results, or arguments.
struct Row {
  PyObject* const* items;
  Py_ssize_t n;
  /// Where it stands among them, or -1.
  Py_ssize_t place(PyObject* o) const {
    PyObject* const* found = std::find(items, items + n, o);
    return found == items + n ? -1 : found - items;
  }
};

bool contains(const Object& tuple, PyObject* o) {
  return tuple &&
         Row{&PyTuple_GET_ITEM(tuple.get(), 0), PyTuple_GET_SIZE(tuple.get())}.place(o) >= 0;
}

/// Raises unless what mark_dirty named are inputs that may be written and are handed out again.
void check_dirty(FunctionNode& self, Row outputs, Row args) {
  const char* function = self.node.name();
  for (PyObject* o : Items(self.dirty.get())) {
    check<TypeError>(is_tensor(o), [&] {
      return message(function, ": mark_dirty takes tensors, not ", Py_TYPE(o)->tp_name, ".");
    });
    check(outputs.place(o) >= 0, [&] {
      return message(function,
                     ": mark_dirty named a tensor that forward does not return. An input "
                     "that is written in place must be an output.");
    });
    if (args.place(o) < 0)
      warn(message(function,
                   ": mark_dirty named a tensor that is no input. Only inputs "
                   "that forward writes in place need it."));
    Tensor& t = *as_tensor(o);
    check(!(requires_grad(t) && is_leaf(t)), [&] {
      return message(function, ": forward wrote to a leaf that requires grad, ", describe(t),
                     ". Give it a clone().");
    });
    check(outputs.n == 1 || !(t.autograd && t.autograd->base), [&] {
      return message(function, ": forward wrote to a view, ", describe(t), ", and returned ",
                     outputs.n, " tensors; with a written view it can return that alone.");
    });
  }
}

/// Whether a tensor that forward returned is differentiated.
bool takes_gradient(const FunctionNode& self, PyObject* result) {
  return is_differentiable(as_tensor(result)->dtype) && !contains(self.non_differentiable, result);
}

/// Gives the i-th result its history; returns what stands for it from now on.
Object record_output(FunctionNode& self, Row outputs, Py_ssize_t i, Row args) {
  Object given = Object::borrow(outputs.items[i]);
  if (!is_tensor(given.get())) return given;
  Tensor& t = *as_tensor(given.get());
  const auto nr = static_cast<uint32_t>(i);
  self.result_dtypes[nr] = t.dtype;
  self.result_is_tensor[nr] = true;
  self.node.results[nr].set(t);
  // An input handed through keeps its own history; what comes out has none.
  if (!takes_gradient(self, given.get()))
    return requires_grad(t) ? Object::steal(alias(t).release_py()) : given;
  if (contains(self.dirty, given.get())) {
    rebase_history(t, &self.node, nr);
    return given;
  }
  if (args.place(given.get()) >= 0 || t.requires_grad_leaf) {
    // An input handed through: a view of it, so that the input keeps its own history.
    TensorRef view = alias(t);
    set_view(*view, t, Creation::function);
    set_history(*view, &self.node, nr);
    return Object::steal(view.release_py());
  }
  // A view of what forward alone had, which is gone: nothing else shows what is written to it.
  leave_lost_base(t);
  if (t.autograd && t.autograd->base) {
    t.autograd->creation = Creation::function;
    t.autograd->view_version = t.version().value;
  }
  set_history(t, &self.node, nr);
  return given;
}

/// Saves what save_for_backward named, now that it is known which of it are results.
void save_named(FunctionNode& self, Row outputs, Row args) {
  Object list = std::exchange(self.to_save, nullptr);
  Py_ssize_t i = -1;
  for (PyObject* o : Items(list.get())) {
    ++i;
    self.is_none.push_back(o == Py_None);
    if (o == Py_None) continue;
    check<TypeError>(is_tensor(o), [&] {
      return message("save_for_backward: item ", i, " is ", Py_TYPE(o)->tp_name,
                     "; it keeps Tensors and None. Keep other objects as attributes of ctx.");
    });
    const Py_ssize_t result = outputs.place(o), argument = args.place(o);
    self.saved_from.push_back(result >= 0     ? from_result
                              : argument >= 0 ? static_cast<int>(argument)
                                              : from_elsewhere);
    Saved& saved = self.saved.emplace_back();
    // A result without a gradient (places, a mask) comes back as it is, of no graph.
    if (result >= 0 && takes_gradient(self, o))
      saved.save_result(*as_tensor(o), static_cast<uint32_t>(result));
    else
      saved.save(*as_tensor(o));
  }
}

}  // namespace

Object record_outputs(FunctionNode& self, Object result, bool history, PyObject* const* args,
                      Py_ssize_t n) {
  PyObject* whole = result.get();
  const bool single = is_tensor(whole), sequence = !single && is_list(whole);
  const Py_ssize_t count = single ? 1 : sequence ? PySequence_Fast_GET_SIZE(whole) : 0;
  if (!history || count == 0) {
    self.to_save = nullptr;
    return result;
  }
  // Held: what runs below may change a list.
  std::vector<Object> recorded;
  std::vector<PyObject*> items;
  for (Py_ssize_t i = 0; i < count; ++i) {
    items.push_back(single ? whole : PySequence_Fast_GET_ITEM(whole, i));
    recorded.push_back(Object::borrow(items.back()));
  }
  const Row given{items.data(), count}, inputs{args, n};
  self.node.set_results(static_cast<uint32_t>(count));
  self.result_dtypes.resize(static_cast<size_t>(count), DType::float32);
  self.result_is_tensor.resize(static_cast<size_t>(count), false);
  if (self.dirty) check_dirty(self, given, inputs);
  bool changed = false;
  for (size_t i = 0; i < items.size(); ++i) {
    recorded[i] = record_output(self, given, static_cast<Py_ssize_t>(i), inputs);
    changed |= recorded[i].get() != items[i];
  }
  if (self.to_save) save_named(self, given, inputs);
  self.dirty = self.non_differentiable = nullptr;  // results, which nobody may want any more
  if (!changed) return result;
  if (single) return recorded[0];
  return tuple_of(count, [&](Py_ssize_t i) { return recorded[static_cast<size_t>(i)]; });
}

Object gradients_needed_now(FunctionNode& self) {
  Object needs = self.needs_input_grad ? self.needs_input_grad : Object::borrow(Py_None);
  if (!leaves_out_gradients(&self.node) || !self.argument_names || !PyTuple_Check(needs.get()) ||
      PyTuple_GET_SIZE(needs.get()) != static_cast<Py_ssize_t>(self.edges_of.size()))
    return needs;
  uint32_t edge = 0;
  return tuple_of(static_cast<Py_ssize_t>(self.edges_of.size()), [&](Py_ssize_t i) {
    const int n = self.edges_of[static_cast<size_t>(i)];
    bool wanted = false;
    for (int k = 0; k < (n == one_tensor ? 1 : n); ++k)
      wanted |= wants_gradient(&self.node, edge++);
    return Object::borrow(wanted ? Py_True : Py_False);
  });
}

}  // namespace flambeau
