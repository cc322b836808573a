// Runs the graph backward: iteratively, latest operator first, one gradient buffer for each node
// waiting. Needs the GIL; kernels below release it.
#pragma once
#include <vector>

#include "autograd/meta.h"

namespace flambeau {

struct Backward {
  std::vector<TensorRef> roots, grads;  // grads[i] may be null for a scalar root
  std::vector<TensorRef> inputs;        // empty: accumulate into all leaves
  bool retain_graph = false, create_graph = false;
  bool capture = false;  // autograd.grad: return the gradients of inputs, accumulate nothing
};

/// The gradients of `inputs` when capture is set (null where none arrived), else an empty list.
std::vector<TensorRef> run_backward(Backward& task);

extern bool anomaly_mode, anomaly_check_nan;

}  // namespace flambeau
