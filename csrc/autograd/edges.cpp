#include "autograd/edges.h"

#include <unordered_set>

#include "autograd/saved_hooks.h"

namespace flambeau {

Edge edge_of(Tensor& t) {
  check(requires_grad(t), [&] {
    return message("get_gradient_edge: ", describe(t),
                   " does not require grad, so no gradient flows to it.");
  });
  return gradient_edge(t);
}

bool reaches_beyond(const std::vector<TensorRef>& tensors, const std::vector<TensorRef>& inputs) {
  std::unordered_set<Node*> seen;
  std::vector<Ref<Node>> waiting;
  auto visit = [&](Node* node) {
    if (node && seen.insert(node).second) waiting.push_back(Ref<Node>::borrow(node));
  };
  auto node_of = [](const TensorRef& t) {
    return requires_grad(*t) ? Ref<Node>::steal(gradient_edge(*t).node) : Ref<Node>();
  };
  std::vector<Ref<Node>> ends;  // alive, so that no other has their place
  for (const TensorRef& t : inputs) seen.insert(ends.emplace_back(node_of(t)).get());
  for (const TensorRef& t : tensors) visit(node_of(t).get());
  while (!waiting.empty()) {
    Ref<Node> node = std::move(waiting.back());
    waiting.pop_back();
    if (accumulated_variable(node.get())) return true;
    for (uint32_t i = 0; i < node->n_edges; ++i) visit(node->edges[i].node);
  }
  return false;
}

}  // namespace flambeau
