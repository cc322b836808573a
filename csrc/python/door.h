// What becomes of a call at the door while somebody watches, or an argument is no ordinary tensor,
// in the order in which it is asked: batched tensors, watchers, GPUs, autocast, sparse tensors.
// Needs the GIL.
#pragma once
#include <functional>

#include "autograd/door.h"
#include "dispatch/autocast.h"
#include "dispatch/cpu_copies.h"
#include "dispatch/operator.h"
#include "python/args.h"
#include "tensor/device_scope.h"

namespace flambeau {

/// A call that nobody took over, seen by all who watch: events, the search for what is not finite,
/// observers, dispatch modes. (hooks.cpp)
PyObject* run_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);
/// Whether a tensor among `args` is of a class that has a __torch_dispatch__.
bool holds_dispatching(PyObject* const* args, Py_ssize_t n);

/// Whether an argument is batched, also in a list or tuple. (batches.cpp)
bool any_batched(PyObject* const* args, Py_ssize_t n);
/// Whether this call goes by a rule: pointwise operators and those whose rule is True need none.
inline bool wants_rule(Operator& self, PyObject* const* args, Py_ssize_t n) {
  return (watchers & watch_batches) && !self.record && self.batch_rule != Py_True &&
         !(self.entry && self.entry->shown == Shown::no) && any_batched(args, n);
}
/// The operator's rule; without one, an implementation in Python that is no primitive is called as
/// it is, for the operators that it is made of have rules; all others ask flambeau/ops/batching.
PyObject* call_rule(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

/// What runs behind the door with these arguments: the result, or null with an error set.
using Behind = std::function<PyObject*(PyObject* const* args, Py_ssize_t n, PyObject* keys)>;
/// The result of a call on a GPU: by a rule of flambeau/ops/cuda, by the operator's own kernels
/// (`run`), or, where there is neither, on the CPU with copies there and back, which a warning
/// tells once. Rules are of functions without history (`has_rules`): operators record what those
/// compute. (elsewhere.cpp)
PyObject* call_on_device(const char* name, bool has_rules, PyObject* const* args, Py_ssize_t n,
                         PyObject* keys, const Behind& run);
inline bool is_on_device() { return device_of_call.device.type == DeviceType::cuda; }

/// Whether what the declaration says of autocast holds here: which operators compute in float32 is
/// said otherwise for GPUs (precision_on_device).
inline bool casts_arguments(const Operator& self) {
  using enum Operator::Precision;
  return self.precision == lower || (self.precision == full && !is_on_device());
}
/// What autocast on a GPU does to the arguments of an operator that a program calls:
/// flambeau/ops/cuda/precision.py has the names. Raises for what must not be used there.
Operator::Precision precision_on_device(Operator& self);
/// The call with its arguments cast, and autocast off. (lowering.cpp)
PyObject* run_cast(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                   Operator::Precision precision);

/// The call of an operator past all watchers: by what it has for sparse tensors where an argument
/// is one, or raises NotImplementedError where it has nothing. (tensor/layouts.cpp)
PyObject* run_by_layout(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

}  // namespace flambeau
