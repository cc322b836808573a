// Rules of flambeau/ops/cuda that the core calls itself, where a loop written by hand would stand
// on the CPU: kernels that fill the outputs among their arguments. Need the GIL.
#pragma once
#include <initializer_list>

#include "tensor/tensor.h"

namespace flambeau {

/// Calls the rule `name`; raises NotImplementedError where there is none.
void call_device_rule(const char* name, std::initializer_list<PyObject*> args);
/// Whether there is such a rule.
bool has_device_rule(const char* name);

}  // namespace flambeau
