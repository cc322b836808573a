// What a joined kernel leaves for backward: one node, whose gradients another joined kernel
// computes where nothing is recorded and all gradients have come. Needs the GIL.
#pragma once
#include "autograd/node.h"
#include "dispatch/fused.h"

namespace flambeau {

/// How the gradients of a Fusion are computed. Positions are among its inputs, or its outputs.
struct FusedHistory {
  PyObject* owner = nullptr;     // the callable that this is part of; not owned
  Object kernel;                 // the callable that owns `derivative`
  Fusion* derivative = nullptr;  // of the gradients `read`, what is saved and `numbers`; or null
  /// otherwise(gradients, saved, asked, sizes, sequence, node) gives the gradients of `wanted` by
  /// operators, a tuple. Tuples: gradients, None where none has come; saved inputs and outputs,
  /// None where one was written in place since; bools, whether the pass asks for each of `wanted`.
  /// `sizes` are those that were computed; `sequence` is the first place kept for the nodes of the
  /// joined operators.
  Object otherwise;
  std::vector<int64_t> read, saved_inputs, saved_outputs, wanted, recorded;
  /// Of `wanted`, those that `derivative` gives; and pairs of an input and the output whose
  /// gradient it gets as it is.
  std::vector<int64_t> computed, passed;
  /// Outputs from this one on are there for backward alone: a gradient of theirs is one of a
  /// gradient.
  int n_shown = 0;
  int n_joined = 0;  // for how many operators the node stands
  std::vector<Object> numbers;
};

/// Makes outputs the results of one node, where an input requires a gradient.
void record_fused(const FusedHistory& history, const Fusion& fusion, FusedInputs& inputs,
                  TensorRef* outputs);

/// The node of a joined kernel from now on hands gradients on to `outputs`, which the joined
/// operators gave when they were computed again: one tensor, or null, for each output recorded.
/// Nothing is done while other passes are under way, which have counted the edges there were.
void lead_to(Node& node, const std::vector<Tensor*>& outputs);
/// Zeros in place of input i of such a node, whose gradient goes where that of the input goes.
TensorRef stand_in(Node& node, int64_t i);

/// What such a node saved as number i, inputs before outputs; an error where it was written since.
TensorRef unpack_fused(Node& node, int64_t i);

inline constexpr std::tuple fused_history_functions{
    declare<lead_to>("_lead_to", "node, outputs"), declare<stand_in>("_stand_in", "node, i"),
    declare<unpack_fused>("_unpack_fused", "node, i")};

}  // namespace flambeau
