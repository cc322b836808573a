// Python objects that are told of calls and nodes (flambeau/ops/core/observers.py), while
// watch_observers is set. Needs the GIL.
#pragma once
#include "autograd/node.h"
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

/// The same of a node's backward.
void tell_of_node(Node* node, const std::vector<TensorRef>& grads,
                  const std::vector<TensorRef>& results);

}  // namespace flambeau
