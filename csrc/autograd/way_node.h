// Nodes of native ways: what backward needs, kept by name, and the callable that computes it.
// Needs the GIL.
#pragma once
#include <functional>

#include "autograd/meta.h"
#include "autograd/wanted.h"
#include "tensor/objects.h"

namespace flambeau {

struct WayNode;

/// How the gradients of one way are computed. `callable` is made of differentiable operators:
/// callable(grad, *kept), and behind them for each edge whether its gradient is wanted where there
/// are several; it gives a gradient for each edge. `native` does the same where nothing is
/// recorded, or returns false; null where there is no such function.
struct WayBackward {
  Object callable;
  std::vector<const char*> names;  // of what is kept: "self", "result", "dim"
  PyTypeObject* type = nullptr;
  std::function<bool(WayNode& node, Tensor& grad, TensorRef* gradients)> native;

  WayBackward() = default;
  /// Of the operator `name`; with None for `callable` nothing is recorded.
  WayBackward(const char* name, PyObject* callable, std::vector<const char*> names);
};

inline constexpr int most_kept = 6;

struct WayNode {
  Node node;
  WayBackward* backward;
  Saved tensors[most_kept];
  Object values[most_kept];
  int n_kept = 0;

  void keep(Tensor& t) { tensors[n_kept++].save(t); }
  /// None for null.
  void keep(Tensor* t) { t ? keep(*t) : keep(Object::borrow(Py_None)); }
  void keep_result(Tensor& t) { tensors[n_kept++].save_result(t, 0); }
  void keep(Object value) { values[n_kept++] = std::move(value); }
  void keep(int64_t value) { keep(owned(PyLong_FromLongLong(value))); }
  void keep(double value) { keep(owned(PyFloat_FromDouble(value))); }
  void keep(const Dims& numbers) { keep(tuple_of_integers(numbers.v, numbers.n)); }
  TensorRef kept(int i) {
    return tensors[i].unpack(&node, backward->names[static_cast<size_t>(i)]);
  }
  /// Null where None is kept.
  TensorRef kept_or_null(int i) { return values[i] ? TensorRef() : kept(i); }
  double number(int i) const { return PyFloat_AsDouble(values[i].get()); }
  int64_t integer(int i) const { return PyLong_AsLongLong(values[i].get()); }
  Dims numbers(int i) const;
  bool wants(uint32_t edge) const { return wants_gradient(&node, edge); }
};

/// A node whose edges lead to `sources` (null: nowhere).
Ref<WayNode> make_way_node(WayBackward& backward, std::initializer_list<Tensor*> sources);
/// Whether the graph records what is computed from t.
inline bool records(Tensor& t) { return needs_record(t) && is_differentiable(t.dtype); }
inline bool records(Tensor* t) { return t && records(*t); }

}  // namespace flambeau
