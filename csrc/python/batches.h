// Batched tensors at the door: calls with one among the arguments go by a rule. Needs the GIL.
#pragma once
#include "autograd/door.h"
#include "dispatch/operator.h"
#include "python/args.h"

namespace flambeau {

/// Whether an argument is batched, also in a list or tuple.
bool any_batched(PyObject* const* args, Py_ssize_t n);

/// Whether this call goes by a rule: pointwise operators and those whose rule is True need none.
inline bool wants_rule(Operator& self, PyObject* const* args, Py_ssize_t n) {
  return (watchers & watch_batches) && !self.record && self.batch_rule != Py_True &&
         !(self.entry && self.entry->shown == Shown::no) && any_batched(args, n);
}

/// The operator's rule; without one, an implementation in Python that is no primitive is called as
/// it is, for the operators that it is made of have rules; all others ask flambeau/ops/batching.
PyObject* call_rule(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

}  // namespace flambeau
