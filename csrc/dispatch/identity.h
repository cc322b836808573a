// Tensors of another Python type, and tensors in each other's place. Needs the GIL.
#pragma once
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

/// A tensor of another Python type (a subclass) over t's memory, without history.
TensorRef retype(Tensor& t, PyTypeObject* type);
/// A view of t of another Python type, part of the graph.
TensorRef as_subclass(Tensor& t, PyTypeObject* type);
/// The same of t's memory; requires_grad has an older name.
TensorRef subclass_over(PyTypeObject* type, Tensor& t, bool requires_grad, bool require_grad);
/// Each object has what the other was, its Python type too; raises where a graph or a weak
/// reference knows one.
void swap_contents(Tensor& a, Tensor& b);

inline constexpr std::tuple identity_functions{
    declare<as_subclass>("_as_subclass", "data, cls"),
    declare<subclass_over>("_make_subclass", "cls, data, requires_grad=False, require_grad=False")};

}  // namespace flambeau
