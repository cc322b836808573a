// Whether numbers are finite, and the search for the first result, or gradient, that is not, while
// watch_finite is set.
// Needs the GIL.
#pragma once
#include <string_view>

#include "autograd/node.h"
#include "tensor/declared.h"
#include "tensor/objects.h"

namespace flambeau {

/// Whether a contiguous tensor has neither infinities nor NaN.
bool all_finite(const Tensor& t);
/// Who is told, or null: found(operator, args, result, place) and found_backward(node, index,
/// gradient) raise; `path` is the name of the module that runs. Returns who was.
Object set_finder(PyObject* finder);

inline constexpr std::tuple finite_functions{declare<all_finite>("_all_finite", "input"),
                                             declare<set_finder>("_set_finder", "finder")};

/// Looks at one call: whether its result is not finite, but its arguments were.
class FiniteWatch {
 public:
  /// Before the call: what is written in place is looked at now.
  FiniteWatch(std::string_view name, PyObject* const* args, Py_ssize_t n);
  void done(PyObject* callable, PyObject* const* args, Py_ssize_t n, PyObject* keys,
            PyObject* result);

 private:
  std::string_view name_;
  bool looks_;
};

/// The same of a node's backward.
void look_at_gradients(Node* node, const std::vector<TensorRef>& grads,
                       const std::vector<TensorRef>& results);

}  // namespace flambeau
