// The end of the graph: a node that adds what arrives into a leaf's grad. Needs the GIL.
#pragma once
#include "autograd/meta.h"

namespace flambeau {

extern const NodeKind accumulate_kind;
/// The leaf's node, made if no graph holds one; a new reference.
Node* accumulator_of(Tensor& leaf);
/// Called when a node dies: its leaf must not find it again.
void forget_accumulator(Node* node);

}  // namespace flambeau
