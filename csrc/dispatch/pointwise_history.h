// What pointwise operators leave for backward. Needs the GIL.
#pragma once
#include "dispatch/pointwise.h"

namespace flambeau {

struct PointwiseNode {
  Node node;
  Pointwise* record;
  Saved saved[max_args + 1];  // the last one is the result
  Object numbers[max_args];
};

/// Whether a call must leave a node.
bool wants_history(Pointwise& record, const Arg* args);
/// The node of a call; called before an in-place write to `overwritten`, whose values are saved in
/// a copy.
Ref<PointwiseNode> record_call(Pointwise& record, const Arg* args, Tensor* overwritten = nullptr);
void save_result_if_used(Pointwise& record, PointwiseNode* node, Tensor& result);

}  // namespace flambeau
