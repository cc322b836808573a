// Where gradients of tensors go. Needs the GIL.
#pragma once
#include "autograd/meta.h"
#include "tensor/declared.h"

namespace flambeau {

/// The node and the number that a tensor's gradient goes to, with a new reference; raises where
/// none does.
Edge edge_of(Tensor& t);
/// Whether the graph of tensors, cut off at inputs, has other leaves.
bool reaches_beyond(const std::vector<TensorRef>& tensors, const std::vector<TensorRef>& inputs);

inline constexpr std::tuple edge_functions{
    fact(declare<reaches_beyond>("_reaches_beyond", "tensors, inputs"))};

}  // namespace flambeau
