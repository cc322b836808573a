#include "autograd/way_node.h"

#include <cstring>
#include <utility>

namespace flambeau {

namespace {

/// Whether the way's own backward has computed the gradients; not where tensors lie out of its
/// reach: operators that know more devices do it then.
bool natively(WayNode& node, Tensor& grad, TensorRef* grad_inputs) {
  WayBackward& how = *node.backward;
  if (!how.native || grad_mode_enabled || grad.batched || Py_TYPE(grad.py()) != tensor_type)
    return false;
  unreachable_on_device = false;
  try {
    return how.native(node, grad, grad_inputs);
  } catch (const NotImplementedError&) {
    if (!std::exchange(unreachable_on_device, false)) throw;
    return false;
  }
}

void backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto& self = *reinterpret_cast<WayNode*>(node);
  WayBackward& how = *self.backward;
  if (node->released && self.n_kept) throw_released(node);
  Tensor& grad = *grad_outputs[0];
  if (natively(self, grad, grad_inputs)) return;
  const bool several = node->n_edges > 1;
  Object args = tuple_of(1 + self.n_kept + several, [&](Py_ssize_t place) {
    if (place == 0) return Object::borrow(grad.py());
    const int i = static_cast<int>(place) - 1;
    if (i == self.n_kept)
      return tuple_of(node->n_edges, [&](Py_ssize_t edge) {
        return PyBool_FromLong(self.wants(static_cast<uint32_t>(edge)));
      });
    return self.values[i] ? self.values[i] : Object::steal(self.kept(i).release_py());
  });
  Object made = owned(PyObject_CallObject(how.callable.get(), args.get()));
  for (uint32_t i = 0; i < node->n_edges; ++i) {
    PyObject* g = several ? PyTuple_GetItem(made.get(), i) : made.get();
    if (!g) throw PythonError();
    if (g != Py_None && self.wants(i)) grad_inputs[i] = TensorRef::borrow(as_tensor(g));
  }
}

void release(Node* node) {
  for (Saved& saved : reinterpret_cast<WayNode*>(node)->tensors) saved.reset();
}

void visit(Node* node, Visitor& visitor) {
  auto& self = *reinterpret_cast<WayNode*>(node);
  for (Saved& saved : self.tensors) saved.visit(visitor);
  for (Object& value : self.values) visitor(value);
}

SavedValue find(Node* node, const char* name) {
  auto& self = *reinterpret_cast<WayNode*>(node);
  for (int i = 0; i < self.n_kept; ++i)
    if (strcmp(name, self.backward->names[static_cast<size_t>(i)]) == 0)
      return {true, self.values[i] ? nullptr : &self.tensors[i], self.values[i]};
  return {};
}

const NodeKind kind = {backward, release, destroy_as<WayNode>, visit, find};

}  // namespace

WayBackward::WayBackward(const char* name, PyObject* given, std::vector<const char*> kept)
    : names(std::move(kept)) {
  if (given == Py_None) return;
  callable = Object::borrow(given);
  type = node_subtype(backward_name(name));
}

Dims WayNode::numbers(int i) const {
  Dims found;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(values[i].get()); ++k)
    found.push(PyLong_AsLongLong(PyTuple_GET_ITEM(values[i].get(), k)));
  return found;
}

Ref<WayNode> make_way_node(WayBackward& backward, std::initializer_list<Tensor*> sources) {
  Ref<WayNode> node = make_node<WayNode>(backward.type, &kind);
  node->backward = &backward;
  node->node.set_edges(static_cast<uint32_t>(sources.size()));
  uint32_t i = 0;
  for (Tensor* t : sources) {
    if (t && is_differentiable(t->dtype) && requires_grad(*t)) set_edge(&node->node, i, t);
    ++i;
  }
  return node;
}

}  // namespace flambeau
