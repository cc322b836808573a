#include "python/tensor/layouts.h"

#include <Python.h>

#include "autograd/meta.h"
#include "dispatch/bound.h"
#include "python/operator.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

/// The first sparse tensor in o, which is one, or a tuple or list of some; null if there is none.
Tensor* sparse_in(PyObject* o) {
  if (is_tensor(o)) return is_sparse(*as_tensor(o)) ? as_tensor(o) : nullptr;
  if (!PyTuple_Check(o) && !PyList_Check(o)) return nullptr;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    if (is_tensor(item) && is_sparse(*as_tensor(item))) return as_tensor(item);
  }
  return nullptr;
}

/// What an operator that has no answer yet finds for itself; None: it refuses sparse tensors.
Object rule_of(Operator& self) {
  Object answer = Object::steal(
      PyObject_CallOneArg(bound_operator("sparse_rule"), reinterpret_cast<PyObject*>(&self)));
  if (!answer) throw PythonError();
  return answer;
}

}  // namespace

PyObject* run_by_layout(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (!(watchers & watch_layouts)) return self.run(self, args, n, keys);
  Py_ssize_t all = n + (keys ? PyTuple_GET_SIZE(keys) : 0);
  Tensor* found = nullptr;
  for (Py_ssize_t i = 0; i < all && !found; ++i) found = sparse_in(args[i]);
  if (!found || self.sparse == Py_True || (self.is_private && !self.sparse))
    return self.run(self, args, n, keys);
  Object answer = Object::borrow(self.sparse ? self.sparse : Py_None);
  if (!self.sparse) answer = rule_of(self);
  if (answer.get() == Py_True) return self.run(self, args, n, keys);
  check<NotImplementedError>(answer.get() != Py_None, [&] {
    return message(name_of(self), ": takes strided tensors, not ", name(layout_of(*found)), ", ",
                   describe(*found), ". Convert it with .to_dense().");
  });
  return PyObject_Vectorcall(answer.get(), args, static_cast<size_t>(n), keys);
}

namespace {

PyObject* layouts = nullptr;  // a tuple, in the order of Layout

Tensor& sparse_of(const Args& a) {
  Tensor& t = a.tensor(0);
  check(is_sparse(t), [&] {
    return message(a.function(), ": takes a sparse tensor, not a strided one, ", describe(t), ".");
  });
  return t;
}

/// _sparse_make(layout number, compressed or None, indices, values, sizes, dense_dim, coalesced)
PyObject* py_make(const Call& call) {
  Args a(call);
  SparseParts parts;
  parts.layout = static_cast<Layout>(a.integer(0));
  if (a.given(1)) parts.compressed = alias(a.tensor(1));
  parts.indices = alias(a.tensor(2));
  parts.values = alias(a.tensor(3));
  parts.dense_dim = static_cast<uint8_t>(a.integer(5));
  parts.coalesced = a.truth(6);
  return make_sparse(std::move(parts), to_dims(a[4], "_sparse_make")).release_py();
}

/// _sparse_parts(t) -> (layout number, compressed or None, indices, values, dense_dim, coalesced)
PyObject* py_parts(const Call& call) {
  const SparseParts& parts = *sparse_of(Args(call)).storage->sparse;
  auto shown = [](const TensorRef& t) { return t ? alias(*t).release_py() : Py_NewRef(Py_None); };
  return Py_BuildValue("(iNNNiO)", static_cast<int>(parts.layout), shown(parts.compressed),
                       shown(parts.indices), shown(parts.values), static_cast<int>(parts.dense_dim),
                       parts.coalesced ? Py_True : Py_False);
}

/// _sparse_take(t, other, name): an operator of that name made t into `other`, history included.
PyObject* py_take(const Call& call) {
  Args a(call);
  Tensor &t = sparse_of(a), &other = a.tensor(1);
  check(is_sparse(other), [&] {
    return message(text_of(a[2]), ": a sparse tensor cannot become a strided one in place.");
  });
  // The name lives as long as the process: a storage remembers who wrote it last.
  PyObject* name = Py_NewRef(a[2]);
  PyUnicode_InternInPlace(&name);
  const char* writer = text_of(name);
  bool records = grad_mode_enabled && requires_grad(other);
  check_inplace(t, writer, records);
  TensorRef kept = TensorRef::borrow(&other);
  take_parts(t, other);
  t.bump_version(writer);
  if (records && other.autograd && other.autograd->grad_fn) {
    t.requires_grad_leaf = false;
    set_history(t, other.autograd->grad_fn.get(), other.autograd->output_nr);
  }
  return TensorRef::borrow(&t).release_py();
}

/// _sparse_set_coalesced(t, bool)
PyObject* py_set_coalesced(const Call& call) {
  Args a(call);
  sparse_of(a).storage->sparse->coalesced = a.truth(1);
  Py_RETURN_NONE;
}

/// _layout_of(t) -> the layout
PyObject* py_layout(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  return Py_NewRef(PyTuple_GET_ITEM(layouts, static_cast<int>(layout_of(t))));
}

/// _is_sparse(t) -> whether it has a sparse layout, of whatever kind
PyObject* py_is_sparse(const Call& call) {
  Args a(call);
  return PyBool_FromLong(is_tensor(a[0]) && is_sparse(*as_tensor(a[0])));
}

/// _any_sparse() -> whether there is a sparse tensor anywhere
PyObject* py_any_sparse(const Call&) { return PyBool_FromLong(sparse_tensors != 0); }

/// _set_layouts(tuple of the layouts, strided first)
PyObject* py_set_layouts(const Call& call) {
  Args a(call);
  check<TypeError>(PyTuple_Check(a[0]) && PyTuple_GET_SIZE(a[0]) == 6,
                   [] { return message("_set_layouts(): takes a tuple of six."); });
  Py_XSETREF(layouts, Py_NewRef(a[0]));
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    {"_sparse_make", "layout, compressed, indices, values, sizes, dense_dim, coalesced", py_make,
     "A sparse tensor of its parts, which are not checked.", Mixing::all},
    {"_sparse_parts", "input", py_parts, "What a sparse tensor is made of.", Mixing::all},
    {"_sparse_take", "input, other, name", py_take, "Puts one sparse tensor into another's place.",
     Mixing::all},
    {"_sparse_set_coalesced", "input, coalesced", py_set_coalesced,
     "Says that the indices are in order.", Mixing::all},
    {"_layout_of", "input", py_layout, "The layout of a tensor.", Mixing::all},
    {"_is_sparse", "input", py_is_sparse, "Whether a tensor is sparse.", Mixing::all},
    {"_any_sparse", "", py_any_sparse, "Whether there are sparse tensors."},
    {"_set_layouts", "layouts", py_set_layouts, "The objects that stand for the layouts."},
    {}};

}  // namespace

void initialize_sparse(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
