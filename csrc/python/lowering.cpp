#include "python/door.h"
#include "python/operator.h"

#include <cstring>
#include <vector>

namespace flambeau {

using Precision = Operator::Precision;

/// An argument as autocast wants it, where it is a tensor or a list of such.
static Object cast(PyObject* o, bool full) {
  if (is_tensor(o)) return Object::steal(autocasted(*as_tensor(o), full).release_py());
  bool any = false;
  each_tensor(o, [&](Tensor&) { any = true; });
  if (!any) return Object::borrow(o);
  Object items = list_of(PySequence_Fast_GET_SIZE(o),
                         [&](Py_ssize_t i) { return cast(PySequence_Fast_GET_ITEM(o, i), full); });
  return called(reinterpret_cast<PyObject*>(Py_TYPE(o)), items.get());
}

Precision precision_on_device(Operator& self) {
  // {name: kind} of the operators that autocast on a GPU knows beside products.
  PyObject* kind =
      PyDict_GetItemString(imported<"flambeau.ops.cuda.precision", "KINDS">(), name_of(self));
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
  const Py_ssize_t all = n + count_of(keys);
  bool full = precision == Precision::full;
  if (precision == Precision::widest) {
    // In the lower dtype unless an argument is float32 (or float64, which promotes by itself).
    for (Py_ssize_t i = 0; i < all; ++i)
      each_tensor(args[i], [&](Tensor& t) { full |= t.is_cuda() && t.dtype == DType::float32; });
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
