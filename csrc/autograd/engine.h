// Runs the graph backward: iteratively, latest operator first, one gradient buffer for each node
// waiting. Needs the GIL; kernels below release it.
#pragma once
#include <vector>

#include "autograd/meta.h"
#include "tensor/declared.h"

namespace flambeau {

struct Backward {
  std::vector<TensorRef> roots, grads;  // grads[i] may be null for a scalar root
  std::vector<TensorRef> inputs;        // empty: accumulate into all leaves
  bool retain_graph = false, create_graph = false;
  bool capture = false;  // autograd.grad: return the gradients of inputs, accumulate nothing
};

/// The gradients of `inputs` when capture is set (null where none arrived), else an empty list.
std::vector<TensorRef> run_backward(Backward& task);

/// What Python asks of the backward that runs in this thread.
void queue_callback(PyObject* callback);  // called once it has ended; raises if none runs
int64_t current_backward();               // its number, -1 if none runs
Node* running_node();                     // the node whose backward runs, null if none does
bool is_only_backward();                  // whether no other one runs in any thread
int backward_depth();                     // how many run inside each other
bool will_run(Node* node);                // whether it will call node's backward
bool will_reach(Node* node);              // whether a gradient comes to node
Object order_of_execution();              // list of the nodes whose backward is still to be called

extern bool anomaly_mode, anomaly_check_nan;
inline void set_anomaly(bool enabled, bool check_nan) {
  anomaly_mode = enabled;
  anomaly_check_nan = check_nan;
}
inline std::pair<bool, bool> anomaly() { return {anomaly_mode, anomaly_check_nan}; }

inline constexpr std::tuple engine_functions{
    declare<queue_callback>("_queue_callback", "callback"),
    declare<current_backward>("_current_backward", ""),
    declare<backward_depth>("_backward_depth", ""),
    declare<order_of_execution>("_order_of_execution", ""),
    declare<will_reach>("_will_reach", "node"),
    declare<running_node>("_running_node", ""),
    declare<will_run>("_will_run", "node"),
    declare<set_anomaly>("_set_anomaly", "enabled, check_nan"),
    declare<anomaly>("_anomaly", "")};

}  // namespace flambeau
