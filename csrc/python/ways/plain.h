// What native ways into operators ask of their arguments.
// Needs the GIL.
#pragma once
#include "autograd/meta.h"
#include "dispatch/autocast.h"
#include "python/operator.h"

namespace flambeau {

/// An ordinary tensor.
inline bool is_ready(PyObject* o) {
  return is_tensor_exact(o) && !as_tensor(o)->batched && !autocast.on;
}
/// An ordinary tensor whose operators record nothing now.
inline bool is_plain(PyObject* o) { return is_ready(o) && !needs_record(*as_tensor(o)); }

/// A Python int in [-ndim, ndim) as a dim; -1 for anything else.
inline int plain_dim(PyObject* o, int ndim) {
  if (!PyLong_CheckExact(o)) return -1;
  int overflow;
  long long d = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) return -1;
  if (d < 0) d += ndim;
  return d < 0 || d >= ndim ? -1 : static_cast<int>(d);
}

/// The slice that stands for all of a dim.
inline bool is_whole_slice(PyObject* o) {
  if (!PySlice_Check(o)) return false;
  auto* slice = reinterpret_cast<PySliceObject*>(o);
  return slice->start == Py_None && slice->stop == Py_None && slice->step == Py_None;
}

/// An int of Python's own that 64 bits hold.
inline bool plain_integer(PyObject* o, int64_t& value) {
  int overflow = 0;
  if (!PyLong_CheckExact(o)) return false;
  value = PyLong_AsLongLongAndOverflow(o, &overflow);
  return overflow == 0;
}

}  // namespace flambeau
