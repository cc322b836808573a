#include "python/lowering.h"

#include <cstring>
#include <vector>

namespace flambeau {

namespace {

using Precision = Operator::Precision;

template <class Visit>
void each_tensor_in(PyObject* o, Visit&& visit) {
  if (is_tensor(o)) return visit(*as_tensor(o));
  if (!PyList_Check(o) && !PyTuple_Check(o)) return;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (is_tensor(PySequence_Fast_GET_ITEM(o, i)))
      visit(*as_tensor(PySequence_Fast_GET_ITEM(o, i)));
}

/// An argument as autocast wants it, where it is a tensor or a list of such.
Object cast(PyObject* o, bool full) {
  if (is_tensor(o)) return Object::steal(autocasted(*as_tensor(o), full).release_py());
  bool any = false;
  each_tensor_in(o, [&](Tensor&) { any = true; });
  if (!any) return Object::borrow(o);
  Object items = Object::steal(PyList_New(0));
  for (Py_ssize_t i = 0; items && i < PySequence_Fast_GET_SIZE(o); ++i)
    if (PyList_Append(items.get(), cast(PySequence_Fast_GET_ITEM(o, i), full).get()) < 0)
      throw PythonError();
  Object made =
      Object::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(o)), items.get()));
  if (!made) throw PythonError();
  return made;
}

/// {name: kind} of the operators that autocast on a GPU knows beside products.
PyObject* kinds_on_device() {
  static PyObject* table = nullptr;
  if (!table) {
    Object module = Object::steal(PyImport_ImportModule("flambeau.ops.cuda.precision"));
    table = module ? PyObject_GetAttrString(module.get(), "KINDS") : nullptr;
    if (!table) throw PythonError();
  }
  return table;
}

}  // namespace

Precision precision_on_device(Operator& self) {
  PyObject* kind = PyDict_GetItemString(kinds_on_device(), name_of(self));
  if (!kind) return Precision::given;
  const char* name = text_of(kind);
  check(strcmp(name, "refuse") != 0, [&] {
    return message(name_of(self),
                   ": float16 has no room for what this gives under autocast. Use "
                   "binary_cross_entropy_with_logits (BCEWithLogitsLoss), which takes what stands "
                   "before the sigmoid, or leave autocast for this call.");
  });
  return strcmp(name, "widest") == 0 ? Precision::widest : Precision::full;
}

PyObject* run_cast(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                   Precision precision) {
  const Py_ssize_t all = n + (keys ? PyTuple_GET_SIZE(keys) : 0);
  bool full = precision == Precision::full;
  if (precision == Precision::widest) {
    // In the lower dtype unless an argument is float32 (or float64, which promotes by itself).
    for (Py_ssize_t i = 0; i < all; ++i)
      each_tensor_in(args[i], [&](Tensor& t) { full |= t.is_cuda() && t.dtype == DType::float32; });
    if (!full) return self.run(self, args, n, keys);
  }
  std::vector<Object> owned;
  std::vector<PyObject*> given;
  for (Py_ssize_t i = 0; i < all; ++i)
    given.push_back(owned.emplace_back(cast(args[i], full)).get());
  AutocastOff off;
  return self.run(self, given.data(), n, keys);
}

}  // namespace flambeau
