#include "dispatch/observers.h"

#include "autograd/door.h"
#include "dispatch/events.h"
#include "dispatch/finite.h"

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

void watch_calls(bool calls, bool parts) {
  set_watcher(watch_observers, calls);
  set_watcher(watch_parts, parts);
}

static void tell_of_node(Node* node, const std::vector<TensorRef>& grads,
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

/// A node's backward, seen by all who watch.
static void run_watched_node(Node* node, const std::vector<TensorRef>& grads,
                             std::vector<TensorRef>& results, void (*compute)(void*),
                             void* context) {
  std::vector<PyObject*> given;
  for (const TensorRef& g : grads) given.push_back(g ? g.py() : Py_None);
  Timed timed(node->name(), given.data(), static_cast<Py_ssize_t>(given.size()), true);
  {
    Deeper deeper;
    compute(context);
  }
  timed.done(node->sequence);
  if (watchers & watch_finite) look_at_gradients(node, grads, results);
  tell_of_node(node, grads, results);
}

[[maybe_unused]] static const bool watches = (watch_node = run_watched_node) != nullptr;

}  // namespace flambeau
