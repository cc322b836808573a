// Python objects that are told of calls and nodes (flambeau/ops/core/observers.py), while
// watch_observers is set. Needs the GIL.
#pragma once
#include "autograd/node.h"
#include "tensor/declared.h"
#include "tensor/objects.h"

namespace flambeau {

/// Tells them of one call: from its making to done(), which has null where the call raised; that
/// error stays.
class Observed {
 public:
  Observed(PyObject* callable, PyObject* const* args, Py_ssize_t n, PyObject* keys);
  void done(PyObject* result);

 private:
  PyObject* callable_;
  Object told_;
};

/// Whether they are told of calls; of those that operators consist of, too, and of nodes.
void watch_calls(bool calls, bool parts);
inline constexpr std::tuple observer_functions{
    declare<watch_calls>("_watch_observers", "calls, parts")};

}  // namespace flambeau
