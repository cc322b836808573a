// Which gradients of the node that runs are asked for: grad() and backward() with inputs= leave out
// what leads to none of them, weights of a layer for one. Needs the GIL.
#pragma once
#include <cstdint>

namespace flambeau {

struct Node;

/// Whether the gradient for this edge is wanted: the edge leads somewhere, and the pass that runs
/// node's backward now, if any does, goes there.
bool wants_gradient(const Node* node, uint32_t edge);
/// Whether there are edges that the running pass leaves out.
bool leaves_out_gradients(const Node* node);

}  // namespace flambeau
