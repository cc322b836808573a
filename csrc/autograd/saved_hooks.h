// The stack of pack and unpack hooks for saved tensors. Needs the GIL.
#pragma once
#include "autograd/node.h"
#include "tensor/declared.h"

namespace flambeau {

void push_saved_hooks(PyObject* pack, PyObject* unpack);
void pop_saved_hooks();
/// Whether hooks are in force in this thread.
bool has_saved_hooks();
/// The leaf behind an AccumulateGrad node; null when it is gone.
Tensor* accumulated_variable(Node* node);

inline constexpr std::tuple saved_functions{
    declare<push_saved_hooks>("_push_saved_tensors_hooks", "pack, unpack"),
    declare<pop_saved_hooks>("_pop_saved_tensors_hooks", ""),
    fact(declare<has_saved_hooks>("_has_saved_tensors_hooks", "")),
    declare<accumulated_variable>("_accumulated_variable", "node")};

}  // namespace flambeau
