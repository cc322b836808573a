// Calls under autocast: their arguments are cast, then they run with autocast off. Needs the GIL.
#pragma once
#include "dispatch/autocast.h"
#include "python/elsewhere.h"
#include "python/operator.h"

namespace flambeau {

/// Whether what the declaration says of autocast holds here: which operators compute in float32 is
/// said otherwise for GPUs (precision_on_device).
inline bool casts_arguments(const Operator& self) {
  using enum Operator::Precision;
  return self.precision == lower || (self.precision == full && !is_on_device());
}

/// What autocast on a GPU does to the arguments of an operator that a program calls:
/// flambeau/ops/cuda/precision.py has the names. Raises for what must not be used there.
Operator::Precision precision_on_device(Operator& self);

/// The call with its arguments cast.
PyObject* run_cast(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                   Operator::Precision precision);

}  // namespace flambeau
