#include "python/door.h"

#include "dispatch/bound.h"
#include "dispatch/sparse_parts.h"
#include "python/bind.h"
#include "python/operator.h"

namespace flambeau {

namespace {

/// The first sparse tensor in o, which is one, or a tuple or list of some; null if there is none.
Tensor* sparse_in(PyObject* o) {
  if (is_tensor(o)) return is_sparse(*as_tensor(o)) ? as_tensor(o) : nullptr;
  if (!is_list(o)) return nullptr;
  for (PyObject* item : Items(o))
    if (is_tensor(item) && is_sparse(*as_tensor(item))) return as_tensor(item);
  return nullptr;
}

}  // namespace

PyObject* run_by_layout(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (!(watchers & watch_layouts)) return self.run(self, args, n, keys);
  if (self.shortcut && watchers == watch_layouts && !keys)
    if (PyObject* made = self.shortcut(args, n)) return made;
  Py_ssize_t all = n + count_of(keys);
  Tensor* found = nullptr;
  for (Py_ssize_t i = 0; i < all && !found; ++i) found = sparse_in(args[i]);
  if (!found || self.sparse == Py_True || (self.is_private && !self.sparse))
    return self.run(self, args, n, keys);
  // An operator that has no answer yet finds one for itself; None: it refuses sparse tensors.
  Object answer = self.sparse
                      ? Object::borrow(self.sparse)
                      : called(bound_operator("sparse_rule"), reinterpret_cast<PyObject*>(&self));
  if (answer.get() == Py_True) return self.run(self, args, n, keys);
  check<NotImplementedError>(answer.get() != Py_None, [&] {
    return message(name_of(self), ": takes strided tensors, not ", name(layout_of(*found)), ", ",
                   describe(*found), ". Convert it with .to_dense().");
  });
  return PyObject_Vectorcall(answer.get(), args, static_cast<size_t>(n), keys);
}

namespace {

PyObject* layouts = nullptr;  // a tuple, in the order of Layout

/// The name lives as long as the process: a storage remembers who wrote it last.
Tensor& take(Called op, Tensor& t, Tensor& other, PyObject* operator_name) {
  PyObject* name = Py_NewRef(operator_name);
  PyUnicode_InternInPlace(&name);
  return become_sparse(op, t, other, text_of(name));
}

void set_layouts(PyObject* objects) {
  check<TypeError>(PyTuple_Check(objects) && PyTuple_GET_SIZE(objects) == 6,
                   [] { return message("_set_layouts(): takes a tuple of six."); });
  Py_XSETREF(layouts, Py_NewRef(objects));
}

const NativeEntry entries[] = {
    bind<sparse_of_parts>("_sparse_make",
                          "layout, compressed, indices, values, sizes, dense_dim, coalesced",
                          "A sparse tensor of its parts, which are not checked.", Mixing::all),
    bind<shown_parts>("_sparse_parts", "input", nullptr, Mixing::all),
    bind<take>("_sparse_take", "input, other, name", nullptr, Mixing::all),
    bind<[](Called op, Tensor& t, bool coalesced) { parts_of(op, t).coalesced = coalesced; }>(
        "_sparse_set_coalesced", "input, coalesced", "Says that the indices are in order.",
        Mixing::all),
    bind<[](Tensor& t) {
      return Object::borrow(PyTuple_GET_ITEM(layouts, static_cast<int>(layout_of(t))));
    }>("_layout_of", "input", "The layout of a tensor.", Mixing::all),
    bind<[](PyObject* o) { return is_tensor(o) && is_sparse(*as_tensor(o)); }>(
        "_is_sparse", "input", "Whether it is a sparse tensor.", Mixing::all),
    bind<[] { return sparse_tensors != 0; }>("_any_sparse", "",
                                             "Whether there are sparse tensors."),
    bind<set_layouts>("_set_layouts", "layouts"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
