// Ways that run row kernels, and record nodes of their own. Need the GIL.
#pragma once
#include <array>

#include "autograd/way_node.h"
#include "dispatch/rows.h"
#include "python/operator.h"

namespace flambeau {

class RowWay : public Way {
 public:
  /// compile(variant, dtype) gives the address of a kernel; `callable` and `kept` are
  /// WayBackward's, `name` the operator's.
  RowWay(PyObject* compile, PyObject* callable, const char* name, std::vector<const char*> kept);

 protected:
  /// The kernel of a variant, compiled at its first use.
  RowsKernel find(int variant, DType dtype);
  WayBackward backward;

 private:
  Object compile_;
  std::array<RowsKernel, dtype_count> known_[4] = {};
};

/// The way `name`, cross_entropy or nll_loss; null for any other.
Way* make_loss_way(std::string_view name, PyObject* compile, PyObject* callable);

}  // namespace flambeau
