// Two tensors in one memory, of which one is written while the other is read.
// Where both lie without gaps and meet, but not element by element, the call is refused, as PyTorch
// does; where strides hide what meets, a copy is read, so no result depends on the order of writes.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// Raises if out, which is to be written, lies over elements of t.
void check_apart(const Tensor& t, const Tensor& out, const char* operator_name);

/// t for reading element by element while out is written: t itself where both are the same elements
/// or lie apart, a copy where strides hide whether they meet. Raises where they meet shifted.
TensorRef beside(Tensor& t, Tensor& out, const char* operator_name, const char* name = "an input");

/// t for reading in another order than self is written: a copy where strides hide whether they
/// meet. Raises where they meet at all.
TensorRef disjoint(Tensor& t, Tensor& self, const char* operator_name, const char* name);

/// t, or a copy of it where it lives in the memory of self.
TensorRef apart(Tensor& t, const Tensor& self);

}  // namespace flambeau
