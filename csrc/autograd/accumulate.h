// The end of the graph: a node that adds what arrives into a leaf's grad. Needs the GIL.
#pragma once
#include "autograd/meta.h"

namespace flambeau {

extern const NodeKind accumulate_kind;
/// The leaf's node, made if no graph holds one; a new reference.
Node* accumulator_of(Tensor& leaf);
/// Whether a gradient is held by the pass alone, so that it may be written.
inline bool is_ours(const Tensor& grad) {
  return !grad_mode_enabled && Py_REFCNT(const_cast<Tensor&>(grad).py()) == 1 &&
         grad.storage->version.references == 1 && !grad.version_override && !grad.batched;
}
/// Before a program sees the gradients of a node's outputs (its hooks do, .grad of a tensor with
/// retain_grad, or autograd.grad, which `captured` says): a write to one element of them must not
/// change others, so those that an expansion repeats are copied. What autograd.grad returns of a
/// sum (`giver`, where all came from one node) is the expansion, as in PyTorch: it costs nothing.
void own_seen(Node* node, bool captured, Node* giver, std::vector<TensorRef>& grads);
/// Called when a node dies: its leaf must not find it again.
void forget_accumulator(Node* node);

}  // namespace flambeau
