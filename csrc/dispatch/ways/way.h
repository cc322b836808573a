// Native ways into operators that Python implements: what they share. Needs the GIL.
#pragma once
#include <algorithm>
#include <array>

#include "autograd/way_node.h"
#include "dispatch/reduce.h"
#include "dispatch/shapes.h"

namespace flambeau::ways {

// Arguments beyond tensors (which may require grad), numbers and sizes.

/// A tensor that records nothing now.
struct Plain {
  Tensor* tensor;
  Tensor& operator*() const { return *tensor; }
  Tensor* operator->() const { return tensor; }
};
/// An int, several in a tuple, or None.
struct DimOrDims {
  Dims dims;
  bool given = false, several = false, none = false;
  DimOrDims() {}
};
/// Tensors that index the first dims one each, null for a whole one; `alone` is no tuple.
struct Indices {
  std::vector<Tensor*> items;
  bool alone;
};
/// Two tensors that record nothing now, each an argument, and numbers by name.
struct Factors {
  Tensor *left, *right;
  double beta = 1, alpha = 1;
};
/// The order of a norm, which is 2; as text "fro".
struct Two {};
struct TwoOrFro {};
/// Whatever it is.
struct Any {};

/// A result and, of some operators, its places.
using Pair = std::array<TensorRef, 2>;

/// A line of a table of ways, which stands in a std::tuple behind them: by which name
/// flambeau/ops/core/ways.py gives an operator a W, and which parts it is made of (behind the
/// operation, whose name it gets, and the type of two results).
template <class W, class... Parts>
struct DeclaredWay : Declaration {};
template <class W, class... Parts>
consteval DeclaredWay<W, Parts...> way(const char* name, const char* parts) {
  return {{name, parts}};
}

/// dim counted from the front; false where there is none such.
inline bool wrap(int64_t& dim, int ndim) {
  if (dim < 0) dim += ndim;
  return dim >= 0 && dim < ndim;
}

/// Whether t is a contiguous operand of float32 or float64 on the CPU, with elements.
inline bool is_full_precision(const Tensor& t) {
  return t.on_cpu() && t.contiguous && t.numel > 0 &&
         (t.dtype == DType::float32 || t.dtype == DType::float64);
}

/// One number for each of n dims, none below `least`; false where there are others, or so large
/// that products with sizes might not fit.
inline bool spread(const DimOrDims& given, int n, int64_t least, Dims& to) {
  constexpr int64_t most = 1 << 20;
  if (!given.given || (given.several && given.dims.n != n && given.dims.n != 1)) return false;
  for (int d = 0; d < n; ++d) {
    const int64_t number = given.dims[given.dims.n == n ? d : 0];
    if (number < least || number > most) return false;
    to.push(number);
  }
  return true;
}

/// The compiled kernels of one operator of rows.
class RowKernels {
 public:
  /// compile(variant, the name of a dtype) gives an address.
  explicit RowKernels(PyObject* compile) : compile_(Object::borrow(compile)) {}
  RowsKernel find(int variant, DType dtype);

 private:
  Object compile_;
  std::array<RowsKernel, dtype_count> known_[4] = {};
};

}  // namespace flambeau::ways
