#include "python/door.h"
#include "python/operator.h"

#include <vector>

namespace flambeau {

using Precision = Operator::Precision;

Precision precision_on_device(Operator& self) {
  Object name = owned(PyUnicode_FromString(name_of(self)));
  Object kind = called(imported<"flambeau.ops.cuda.precision", "precision_of">(), name.get());
  return static_cast<Precision>(PyLong_AsLong(kind.get()));
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
  std::vector<Object> held;
  std::vector<PyObject*> given;
  auto cast = [&](PyObject* o) {
    if (!is_tensor(o)) return Object::borrow(o);
    return Object::steal(autocasted(*as_tensor(o), full).release_py());
  };
  for (Py_ssize_t i = 0; i < all; ++i)
    given.push_back(held.emplace_back(mapped(args[i], cast, 1)).get());
  AutocastOff off;
  return self.run(self, given.data(), n, keys);
}

}  // namespace flambeau
