// The stack of pack and unpack hooks for saved tensors. Needs the GIL.
#pragma once
#include "autograd/node.h"

namespace flambeau {

void push_saved_hooks(PyObject* pack, PyObject* unpack);
void pop_saved_hooks();
/// Whether hooks are in force in this thread.
bool has_saved_hooks();
/// The leaf behind an AccumulateGrad node; null when it is gone.
Tensor* accumulated_variable(Node* node);

}  // namespace flambeau
