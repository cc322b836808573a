#include "python/door.h"

#include "dispatch/bound.h"
#include "dispatch/sparse_parts.h"
#include "python/bind.h"
#include "python/operator.h"

namespace flambeau {

PyObject* run_by_layout(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (!(watchers & watch_layouts)) return self.run(self, args, n, keys);
  if (self.shortcut && watchers == watch_layouts && !keys)
    if (PyObject* made = self.shortcut(args, n)) return made;
  Py_ssize_t all = n + count_of(keys);
  Tensor* found = nullptr;
  for (Py_ssize_t i = 0; i < all && !found; ++i)
    each_tensor(args[i], [&](Tensor& t) {
      if (!found && is_sparse(t)) found = &t;
    });
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

static PyObject* layouts = nullptr;  // a tuple, in the order of Layout

static PyObject* give_back(Layout layout) {
  return Py_NewRef(PyTuple_GET_ITEM(layouts, static_cast<int>(layout)));
}

static void set_layouts(PyObject* objects) {
  check<TypeError>(PyTuple_Check(objects) && PyTuple_GET_SIZE(objects) == 6,
                   [] { return message("_set_layouts(): takes a tuple of six."); });
  Py_XSETREF(layouts, Py_NewRef(objects));
}

static const NativeEntry entries[] = {bind<set_layouts>("_set_layouts", "layouts"), {}};
static const Functions functions(entries), of_parts(entries_of<sparse_part_functions>.data());

}  // namespace flambeau
