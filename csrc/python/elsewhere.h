// Calls whose tensors lie on a GPU: by a rule of flambeau/ops/cuda, by the operator's own kernels,
// or, where there is neither, on the CPU with copies there and back, which a warning tells once.
// Needs the GIL.
#pragma once
#include <functional>

#include "tensor/device_scope.h"

namespace flambeau {

/// What runs behind the door with these arguments: the result, or null with an error set.
using Behind = std::function<PyObject*(PyObject* const* args, Py_ssize_t n, PyObject* keys)>;

/// The result of a call on a GPU, which `run` computes as anywhere, with arguments on the CPU too.
/// Rules are of functions without history (`has_rules`): operators record what those compute.
PyObject* call_on_device(const char* name, bool has_rules, PyObject* const* args, Py_ssize_t n,
                         PyObject* keys, const Behind& run);

inline bool is_on_device() { return device_of_call.device.type == DeviceType::cuda; }

/// t, or its copy on the CPU for what an operator computes there, with a warning once; raises where
/// that is not wanted.
TensorRef within_reach(Tensor& t);

}  // namespace flambeau
