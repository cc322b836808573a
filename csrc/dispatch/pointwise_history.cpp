#include "dispatch/pointwise_history.h"

#include "autograd/accumulate.h"
#include "autograd/meta.h"
#include "autograd/wanted.h"
#include "dispatch/basics.h"
#include "tensor/objects.h"

namespace flambeau {
namespace {

/// last: nothing else of this node reads grad.
TensorRef run_derivative(PointwiseNode* self, int i, Tensor& grad, bool last) {
  auto& derivative = self->record->derivatives[i];
  using State = Pointwise::Derivative::State;
  if (derivative.state == State::identity) return TensorRef::borrow(&grad);
  if (derivative.state == State::zero) return full_like(grad, 0);
  if (derivative.scales && !grad_mode_enabled && self->numbers[derivative.uses[0]] &&
      is_one(self->numbers[derivative.uses[0]].get()))
    return TensorRef::borrow(&grad);
  Arg args[max_args + 2];
  TensorRef alive[max_args + 2];
  args[0].tensor = &grad;
  int n = 1;
  for (int use : derivative.uses) {
    if (use >= 0 && self->numbers[use]) {
      args[n].number = self->numbers[use].get();
    } else {
      alive[n] = self->saved[use < 0 ? max_args : use].unpack(&self->node, "input");
      args[n].tensor = alive[n].get();
    }
    ++n;
  }
  if (derivative.state == State::kernel) {
    const bool spare = last && is_ours(grad) && grad.on_cpu() && !grad.storage->lent &&
                       !grad.storage->shared && !grad.storage->owner && !grad.autograd;
    TensorRef result = apply(*derivative.record, args, nullptr, spare ? &grad : nullptr);
    if (result.get() == &grad) grad.bump_version(derivative.record->name.c_str());
    return result;
  }
  Object values = owned(PyTuple_New(n));
  for (int k = 0; k < n; ++k)
    PyTuple_SET_ITEM(values.get(), k,
                     Py_NewRef(args[k].tensor ? args[k].tensor->py() : args[k].number));
  Object result = owned(PyObject_CallObject(derivative.chain.get(), values.get()));
  return TensorRef::borrow(as_tensor(result.get()));
}

void pointwise_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  int last = static_cast<int>(node->n_edges) - 1;
  while (last >= 0 && !wants_gradient(node, static_cast<uint32_t>(last))) --last;
  for (int i = 0; i <= last; ++i)
    if (wants_gradient(node, static_cast<uint32_t>(i)))
      grad_inputs[i] = run_derivative(self, i, *grad_outputs[0], i == last);
}

void pointwise_release(Node* node) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  for (auto& s : self->saved) s.reset();
}

void pointwise_visit(Node* node, Visitor& visitor) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  for (auto& s : self->saved) s.visit(visitor);
  for (auto& n : self->numbers) visitor(n);
}

SavedValue pointwise_find(Node* node, const char* name) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  if (strcmp(name, "result") == 0) return {true, &self->saved[max_args]};
  const Pointwise& record = *self->record;
  for (int i = 0; i < record.n_args; ++i)
    if ((i == 0 && strcmp(name, "self") == 0) ||
        PyUnicode_CompareWithASCIIString(record.arg_names[i].get(), name) == 0)
      return {true, &self->saved[i], self->numbers[i]};
  return {};
}

const NodeKind pointwise_kind = {pointwise_backward, pointwise_release, destroy_as<PointwiseNode>,
                                 pointwise_visit, pointwise_find};
// Above it, Python's allocator hands over to malloc, which costs more than recording does.
static_assert(collector_header_bytes + sizeof(PointwiseNode) <= 512);

PyTypeObject* node_type_of(Pointwise& record) {
  if (!record.node_type) record.node_type = node_subtype(backward_name(record.name));
  return record.node_type;
}

/// Asks Python for the derivative with respect to argument i, once.
Pointwise::Derivative& find_derivative(Pointwise& record, int i) {
  auto& d = record.derivatives[i];
  using State = Pointwise::Derivative::State;
  if (d.state != State::unknown) return d;
  Object answer = owned(PyObject_CallMethod(record.spec.get(), "derivative", "i", i));
  if (d.state != State::unknown) return d;  // another thread came first while Python answered
  if (answer.get() == Py_None) {
    d.state = State::zero;
  } else if (PyUnicode_Check(answer.get())) {
    d.state = State::identity;
  } else {
    PyObject* callable = PyTuple_GetItem(answer.get(), 0);
    Object uses = Object::steal(PySequence_Tuple(PyTuple_GetItem(answer.get(), 1)));
    if (!callable || !uses) throw PythonError();
    bool chain = !is_pointwise(callable);
    if (chain)
      d.chain = Object::borrow(callable);
    else
      d.record = &record_of(callable);
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(uses.get()); ++k)
      d.uses.push_back(static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(uses.get(), k))));
    if (!chain) {
      Object scales = owned(PyObject_GetAttrString(d.record->spec.get(), "scales"));
      d.scales = scales.get() == Py_True;
    }
    d.state = chain ? State::chain : State::kernel;
  }
  return d;
}

/// Whether the result's history reaches argument i, a tensor.
bool reaches(Pointwise& record, int i, const Tensor& t) {
  using State = Pointwise::Derivative::State;
  return is_differentiable(t.dtype) && requires_grad(t) &&
         !(record.cuts_flat && find_derivative(record, i).state == State::zero);
}

}  // namespace

Ref<PointwiseNode> record_call(Pointwise& record, const Arg* args, Tensor* overwritten) {
  TensorRef before;
  Ref<PointwiseNode> node = make_node<PointwiseNode>(node_type_of(record), &pointwise_kind);
  node->record = &record;
  node->node.set_edges(static_cast<uint32_t>(record.n_inputs));
  for (int i = 0; i < record.n_inputs; ++i) {
    Tensor* t = args[i].tensor;
    if (!t || !reaches(record, i, *t)) continue;
    set_edge(&node->node, static_cast<uint32_t>(i), t);
    for (int use : find_derivative(record, i).uses) {
      if (use < 0) continue;
      if (Tensor* used = args[use].tensor) {
        if (!node->saved[use].empty()) continue;
        if (used == overwritten && !before) before = clone(*used);
        node->saved[use].save(used == overwritten ? *before : *used);
      } else {
        node->numbers[use] = Object::borrow(args[use].number);
      }
    }
  }
  return node;
}

void save_result_if_used(Pointwise& record, PointwiseNode* node, Tensor& result) {
  for (int i = 0; i < record.n_inputs; ++i)
    if (node->node.edges[i].node)
      for (int use : record.derivatives[i].uses)
        if (use < 0 && node->saved[max_args].empty()) node->saved[max_args].save_result(result, 0);
}

bool wants_history(Pointwise& record, const Arg* args) {
  if (!record.differentiable) return false;
  for (int i = 0; i < record.n_inputs; ++i)
    if (args[i].tensor && requires_grad(*args[i].tensor) &&
        is_differentiable(args[i].tensor->dtype)) {
      if (!grad_mode_enabled) return false;  // late, for it costs a call
      if (!record.cuts_flat || reaches(record, i, *args[i].tensor)) return true;
    }
  return false;
}

}  // namespace flambeau
