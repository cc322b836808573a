#include "dispatch/observers.h"

#include "autograd/door.h"

namespace flambeau {

static constexpr Name observers = "flambeau.ops.core.observers";

Observed::Observed(PyObject* callable, PyObject* const* args, Py_ssize_t n, PyObject* keys)
    : callable_(callable) {
  if (!(watchers & watch_observers)) return;
  told_ = called(imported<observers, "enter">(), callable, tuple_of(args, n).get(),
                 dict_of(keys, args + n).get());
}

void Observed::done(PyObject* result) {
  if (!told_) return;
  const Unraised error;
  PyObject* given[] = {told_.get(), callable_, result ? result : Py_None};
  Object left =
      Object::steal(PyObject_Vectorcall(imported<observers, "leave">(), given, 3, nullptr));
  if (!left && !error) throw PythonError();
  error.raise();
}

void tell_of_node(Node* node, const std::vector<TensorRef>& grads,
                  const std::vector<TensorRef>& results) {
  if (!(watchers & watch_parts)) return;
  auto tuple = [](const std::vector<TensorRef>& tensors) {
    return tuple_of(static_cast<Py_ssize_t>(tensors.size()), [&](Py_ssize_t i) {
      const TensorRef& t = tensors[static_cast<size_t>(i)];
      return Object::borrow(t ? t.py() : Py_None);
    });
  };
  called(imported<observers, "node">(), node->py(), tuple(grads).get(), tuple(results).get());
}

}  // namespace flambeau
