// The engine: order, diamonds, long chains, what is captured, and who frees what.
#include "autograd/engine.h"
#include "harness.h"

namespace flambeau {
namespace {

std::vector<int> ran;  // the nodes' numbers in the order of their backward
int alive = 0;

/// A node that notes its run and hands its first gradient to all inputs.
struct Probe {
  Node node;
  int number = 0;
  Probe() { ++alive; }
  ~Probe() { --alive; }
};

void probe_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  ran.push_back(reinterpret_cast<Probe*>(node)->number);
  for (uint32_t i = 0; i < node->n_edges; ++i) grad_inputs[i] = grad_outputs[0];
}
const NodeKind probe_kind = {probe_backward, [](Node*) {}, destroy_as<Probe>};

/// The result of an operator with these inputs, one result slot each of them delivers to.
struct Step {
  Ref<Probe> probe;
  Step(int number, std::initializer_list<Edge> inputs, int n_results = 1) {
    static PyTypeObject* type = node_subtype("ProbeBackward");
    static TensorRef like = zeros({2}, DType::float32);
    probe = make_node<Probe>(type, &probe_kind);
    probe->number = number;
    probe->node.set_edges(static_cast<uint32_t>(inputs.size()));
    probe->node.set_results(static_cast<uint32_t>(n_results));
    uint32_t i = 0;
    for (Edge e : inputs) {
      Py_XINCREF(reinterpret_cast<PyObject*>(e.node));
      probe->node.edges[i++] = e;
    }
    for (int r = 0; r < n_results; ++r) probe->node.results[r].set(*like);
  }
  Edge edge(uint32_t nr = 0) const { return {&probe->node, nr}; }
};

void run_from(const Step& last, bool retain = false) {
  TensorRef root = zeros({2}, DType::float32), grad = zeros({2}, DType::float32);
  set_history(*root, &last.probe->node);
  Backward task;
  task.roots = {root};
  task.grads = {grad};
  task.retain_graph = retain;
  ran.clear();
  run_backward(task);
}

void test_a_chain_runs_backward() {
  Step a(1, {}), b(2, {a.edge()}), c(3, {b.edge()});
  run_from(c);
  expect(ran == std::vector<int>{3, 2, 1}, "a chain runs from its end");
}

void test_a_diamond_waits_for_both_sides() {
  Step bottom(1, {}, 2), left(2, {bottom.edge(0)}), right(3, {bottom.edge(1)}),
      top(4, {left.edge(), right.edge()});
  run_from(top);
  expect(ran == std::vector<int>{4, 3, 2, 1}, "the meeting point runs once, after both sides");
}

void test_later_operators_run_first() {
  Step early(1, {}), late(2, {}), middle(3, {early.edge()}), top(4, {middle.edge(), late.edge()});
  run_from(top);
  expect(ran == std::vector<int>{4, 3, 2, 1}, "ready nodes run in the order they were recorded in");
}

void test_a_graph_runs_again_when_retained() {
  Step a(1, {}), b(2, {a.edge()});
  run_from(b, true);
  expect(!b.probe->node.released, "a retained graph is not released");
  run_from(b);
  expect(ran == std::vector<int>{2, 1} && b.probe->node.released, "and runs once more");
}

void test_a_long_chain_neither_runs_nor_dies_recursively() {
  constexpr int n = 300000;
  int before = alive;
  {
    auto last = std::make_unique<Step>(0, std::initializer_list<Edge>{});
    for (int i = 1; i < n; ++i)
      last = std::make_unique<Step>(i, std::initializer_list<Edge>{last->edge()});
    run_from(*last);
    expect(ran.size() == n && ran.front() == n - 1 && ran.back() == 0, "a long chain runs");
  }
  expect(alive == before, "and is freed");
}

void test_a_leaf_captures_or_accumulates() {
  TensorRef leaf = zeros({2}, DType::float32);
  leaf->requires_grad_leaf = true;
  Step step(1, {});
  step.probe->node.set_edges(1);
  set_edge(&step.probe->node, 0, leaf.get());
  TensorRef root = zeros({2}, DType::float32), grad = zeros({2}, DType::float32);
  grad->as<float>()[0] = 5;
  set_history(*root, &step.probe->node);
  Backward task;
  task.roots = {root};
  task.grads = {grad};
  task.inputs = {leaf};
  task.capture = task.retain_graph = true;
  std::vector<TensorRef> captured = run_backward(task);
  expect(captured.size() == 1 && captured[0]->as<float>()[0] == 5 && !leaf->autograd->grad,
         "autograd.grad returns the gradient and leaves grad alone");
  task.inputs.clear();
  task.capture = false;
  run_backward(task);
  expect(leaf->autograd->grad && leaf->autograd->grad->as<float>()[0] == 5,
         "backward puts it into grad");
  expect(leaf->autograd->grad.get() != grad.get(), "as a tensor of its own");
  expect_error("does not require grad", [&] {
    Backward wrong;
    wrong.roots = {zeros({}, DType::float32)};
    wrong.grads.resize(1);
    run_backward(wrong);
  });
}

}  // namespace
}  // namespace flambeau

int main() {
  using namespace flambeau;
  return run_tests("engine", {test_a_chain_runs_backward, test_a_diamond_waits_for_both_sides,
                              test_later_operators_run_first, test_a_graph_runs_again_when_retained,
                              test_a_long_chain_neither_runs_nor_dies_recursively,
                              test_a_leaf_captures_or_accumulates});
}
