// Shortcuts: native ways into operators that Python declares, for the calls that programs make all
// the time. A way looks at the arguments; what it does not take (history, other dtypes, out=, a
// subclass, an error) goes to the operator itself, so a way decides nothing.
// Needs the GIL; ways live as long as the process.
#pragma once
#include <memory>

#include "autograd/meta.h"
#include "dispatch/autocast.h"
#include "python/args.h"

namespace flambeau {

class Way {
 public:
  virtual ~Way() = default;
  /// The result, or null where the call is not for this way (or an error is set).
  virtual PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) = 0;
};

/// A callable that tries `way` and then calls `operation`, whose attributes are its own.
PyObject* make_shortcut(PyObject* operation, std::unique_ptr<Way> way);

/// An ordinary tensor whose operators record nothing now.
inline bool is_plain(PyObject* o) {
  return is_tensor_exact(o) && !needs_record(*as_tensor(o)) && !autocast.on;
}

/// A Python int in [-ndim, ndim) as a dim; -1 for anything else.
inline int plain_dim(PyObject* o, int ndim) {
  if (!PyLong_CheckExact(o)) return -1;
  int overflow;
  long long d = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) return -1;
  if (d < 0) d += ndim;
  return d < 0 || d >= ndim ? -1 : static_cast<int>(d);
}

}  // namespace flambeau
