#include "dispatch/fused_history.h"

#include <utility>

#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/order.h"
#include "autograd/wanted.h"
#include "dispatch/numbers.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

struct FusedNode {
  Node node;
  const FusedHistory* history = nullptr;
  Object owner;              // of the history
  std::vector<Saved> saved;  // inputs, then outputs
  bool total = false;        // whether the first gradient is that of a sum or mean over `sizes`
  double factor = 1;
  Dims sizes;
};

/// The gradient of what is summed, of that of its sum or mean.
void spread_total(const FusedNode& self, TensorRef* grad_outputs) {
  if (!self.total || !grad_outputs[0]) return;
  TensorRef grad = grad_outputs[0];
  if (self.factor != 1) grad = mul_scalar(*grad, self.factor);
  grad_outputs[0] = expand(*grad, self.sizes);
}

/// Whether elements lie in memory in the order of rows, with gaps and repeats or without. Of others
/// operators give results in the other order, which reductions then add up in that order.
bool in_row_order(const Tensor& t) {
  int64_t before = INT64_MAX;
  for (int d = 0; d < t.ndim; ++d) {
    if (t.sizes[d] == 1 || t.strides[d] == 0) continue;
    if (t.strides[d] > before) return false;
    before = t.strides[d];
  }
  return true;
}

/// Whether elements that lie apart in sizes lie in one place: operators lay results out as their
/// other operands then.
bool is_spread(const Tensor& t) {
  for (int d = 0; d < t.ndim; ++d)
    if (t.sizes[d] > 1 && t.strides[d] == 0) return true;
  return false;
}

void by_kernel(FusedNode& self, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  const FusedHistory& how = *self.history;
  Fusion& kernel = *how.derivative;
  FusedInputs inputs;
  TensorRef kept[max_operands], gradients[max_operands];
  int n = kernel.n_out;
  auto take = [&](TensorRef t) {
    check(t->dtype == kernel.dtypes[n], [&] {
      return message("backward of a compiled function: a gradient is ", name(t->dtype),
                     ", but it was ", name(kernel.dtypes[n]), " when the kernel was made.");
    });
    inputs.tensors[n] = t.get();
    kept[n++] = std::move(t);
  };
  for (int64_t k : how.read) take(grad_outputs[k]);
  for (const Saved& saved : self.saved) take(saved.unpack(&self.node, "input"));
  for (const Object& number : how.numbers) {
    inputs.tensors[n] = nullptr;
    store_number(number.get(), kernel.dtypes[n], inputs.numbers[n]);
    ++n;
  }
  Dims summed[max_operands];
  for (size_t i = 0; i < how.computed.size(); ++i) {
    const Edge& edge = self.node.edges[how.computed[i]];
    if (edge.node) summed[i] = edge.node->results[edge.nr].dims();
  }
  inputs.summed = summed;
  run_fused(kernel, inputs, gradients);
  for (size_t i = 0; i < how.computed.size(); ++i)
    grad_inputs[how.computed[i]] = std::move(gradients[i]);
}

/// The gradients by one kernel, or as they come; false where operators have to do it.
bool natively(FusedNode& self, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  const FusedHistory& how = *self.history;
  if ((!how.derivative && !how.computed.empty()) || grad_mode_enabled) return false;
  for (const Saved& saved : self.saved)
    if (saved.changed()) return false;
  for (int64_t k : how.recorded) {
    const Tensor* g = grad_outputs[k].get();
    if ((g != nullptr) != (k < how.n_shown)) return false;
    if (g && (g->batched || Py_TYPE(g) != tensor_type)) return false;
    if (!g || g->contiguous) continue;
    if (!in_row_order(*g)) return false;
    if (is_spread(*g))
      for (const Saved& saved : self.saved)
        if (!in_row_order(*saved.unpack(&self.node, "input"))) return false;
  }
  if (how.derivative) by_kernel(self, grad_outputs, grad_inputs);
  for (size_t i = 0; i < how.passed.size(); i += 2)
    grad_inputs[how.passed[i]] = grad_outputs[how.passed[i + 1]];
  return true;
}

void by_operators(FusedNode& self, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  const FusedHistory& how = *self.history;
  Object given = tuple_of(self.node.n_results, [&](Py_ssize_t i) {
    return Py_NewRef(grad_outputs[i] ? grad_outputs[i]->py() : Py_None);
  });
  Object saved = tuple_of(static_cast<Py_ssize_t>(self.saved.size()), [&](Py_ssize_t i) {
    const Saved& value = self.saved[static_cast<size_t>(i)];
    return value.changed() ? Py_NewRef(Py_None) : value.unpack(&self.node, "input").release_py();
  });
  Object asked = tuple_of(static_cast<Py_ssize_t>(how.wanted.size()), [&](Py_ssize_t i) {
    const auto edge = static_cast<uint32_t>(how.wanted[static_cast<size_t>(i)]);
    return Py_NewRef(wants_gradient(&self.node, edge) ? Py_True : Py_False);
  });
  Object sizes = tuple_of(self.sizes.n, [&](Py_ssize_t i) {
    return PyLong_FromLongLong(self.sizes[static_cast<int>(i)]);
  });
  Object first =
      owned(PyLong_FromUnsignedLongLong(self.node.sequence - static_cast<uint64_t>(how.n_joined)));
  Object made =
      owned(PyObject_CallFunctionObjArgs(how.otherwise.get(), given.get(), saved.get(), asked.get(),
                                         sizes.get(), first.get(), self.node.py(), nullptr));
  for (size_t i = 0; i < how.wanted.size(); ++i) {
    PyObject* g = PyTuple_GetItem(made.get(), static_cast<Py_ssize_t>(i));
    if (!g) throw PythonError();
    if (g != Py_None) grad_inputs[how.wanted[i]] = TensorRef::borrow(as_tensor(g));
  }
}

void backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto& self = *reinterpret_cast<FusedNode*>(node);
  if (node->released && !self.saved.empty()) throw_released(node);
  spread_total(self, grad_outputs);
  if (!natively(self, grad_outputs, grad_inputs)) by_operators(self, grad_outputs, grad_inputs);
  for (uint32_t i = 0; i < node->n_edges; ++i)
    if (!wants_gradient(node, i)) grad_inputs[i] = nullptr;
}

void release(Node* node) {
  for (Saved& saved : reinterpret_cast<FusedNode*>(node)->saved) saved.reset();
}

void visit(Node* node, Visitor& visitor) {
  auto& self = *reinterpret_cast<FusedNode*>(node);
  visitor(self.owner);
  for (Saved& saved : self.saved) saved.visit(visitor);
}

const NodeKind kind = {backward, release, destroy_as<FusedNode>, visit};

/// Of a node that leads to the operators it stood for.
void hand_on(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto& self = *reinterpret_cast<FusedNode*>(node);
  spread_total(self, grad_outputs);
  for (size_t i = 0; i < self.history->recorded.size(); ++i)
    grad_inputs[i] = grad_outputs[self.history->recorded[i]];
}

const NodeKind leading = {hand_on, release, destroy_as<FusedNode>, visit};

FusedNode& fused_node(Node& node) {
  check<TypeError>(node.kind == &kind || node.kind == &leading,
                   [&] { return message(node.name(), " is no node of a joined kernel."); });
  return reinterpret_cast<FusedNode&>(node);
}

}  // namespace

void lead_to(Node& node, const std::vector<Tensor*>& outputs) {
  FusedNode& self = fused_node(node);
  const auto n = static_cast<uint32_t>(self.history->recorded.size());
  check<ValueError>(outputs.size() == n, [&] {
    return message("_lead_to(): takes ", n, " outputs, not ", outputs.size(), ".");
  });
  if (node.kind == &leading || node.released || !is_only_backward()) return;
  std::vector<Ref<Node>> before;  // what dies with them finds the node as it is to be
  for (uint32_t i = 0; i < node.n_edges; ++i)
    if (node.edges[i].node) before.push_back(Ref<Node>::steal(node.edges[i].node));
  if (node.edges != node.inline_edges) PyMem_Free(node.edges);
  node.edges = node.inline_edges;
  node.set_edges(n);
  node.kind = &leading;
  for (uint32_t i = 0; i < n; ++i)
    if (outputs[i] && requires_grad(*outputs[i])) set_edge(&node, i, outputs[i]);
  std::vector<Saved> saved = std::exchange(self.saved, {});
}

TensorRef stand_in(Node& node, int64_t i) {
  fused_node(node);
  check<ValueError>(i >= 0 && i < node.n_edges && node.edges[i].node,
                    [&] { return message("_stand_in(): no gradient goes to input ", i, "."); });
  const Edge edge = node.edges[i];
  const ResultMeta& want = edge.node->results[edge.nr];
  GradModeGuard off(false);
  TensorRef one = full_like(*empty({}, want.dtype, other_devices ? want.device : on_cpu), 0);
  TensorRef result = expand(*one, want.dims());
  set_history(*result, edge.node, edge.nr);
  return result;
}

TensorRef unpack_fused(Node& node, int64_t i) {
  const FusedNode& self = fused_node(node);
  check<ValueError>(i >= 0 && i < static_cast<int64_t>(self.saved.size()),
                    [&] { return message("_unpack_fused(): nothing is saved as ", i, "."); });
  return self.saved[static_cast<size_t>(i)].unpack(&node, "input");
}

void record_fused(const FusedHistory& history, const Fusion& fusion, FusedInputs& inputs,
                  TensorRef* outputs) {
  if (!grad_mode_enabled) return;
  const int first = fusion.n_out;
  bool any = false;
  for (int64_t k : history.wanted)
    any |= inputs.tensors[first + k] && requires_grad(*inputs.tensors[first + k]);
  if (!any) return;
  static PyTypeObject* const type = node_subtype("CompiledBackward");
  Ref<FusedNode> made = make_node<FusedNode>(type, &kind);
  Node& node = made->node;
  made->history = &history;
  made->owner = Object::borrow(history.owner);
  made->total = fusion.total != nullptr;
  made->sizes = inputs.sizes;
  // A gradient of a gradient computes the joined operators again: their nodes stand here then.
  node.sequence += static_cast<uint64_t>(history.n_joined);
  set_next_sequence(node.sequence + 1);
  if (fusion.averages) made->factor = 1.0 / static_cast<double>(inputs.sizes.product());
  node.set_edges(static_cast<uint32_t>(fusion.n - first));
  node.set_results(static_cast<uint32_t>(first));
  for (int64_t k : history.wanted) {
    Tensor* t = inputs.tensors[first + k];
    if (t && requires_grad(*t)) set_edge(&node, static_cast<uint32_t>(k), t);
  }
  made->saved.resize(history.saved_inputs.size() + history.saved_outputs.size());
  size_t i = 0;
  for (int64_t k : history.saved_inputs) made->saved[i++].save(*inputs.tensors[first + k]);
  for (int64_t k : history.recorded) set_history(*outputs[k], &node, static_cast<uint32_t>(k));
  for (int64_t k : history.saved_outputs)
    made->saved[i++].save_result(*outputs[k], static_cast<uint32_t>(k));
}

}  // namespace flambeau
