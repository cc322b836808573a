// Tensors of another Python type, and tensors in each other's place. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// A tensor of another Python type (a subclass) over t's memory, without history.
TensorRef retype(Tensor& t, PyTypeObject* type);
/// A view of t of another Python type, part of the graph.
TensorRef as_subclass(Tensor& t, PyTypeObject* type);
/// Each object has what the other was, its Python type too; raises where a graph or a weak
/// reference knows one.
void swap_contents(Tensor& a, Tensor& b);

}  // namespace flambeau
