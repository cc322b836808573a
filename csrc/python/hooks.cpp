#include "python/door.h"

#include "autograd/door.h"
#include "dispatch/events.h"
#include "dispatch/finite.h"
#include "python/bind.h"
#include "python/operator.h"
#include "tensor/device_scope.h"

namespace flambeau {

namespace {

PyObject* object_of(Operator& self) { return reinterpret_cast<PyObject*>(&self); }

/// ((positional arguments), {named ones})
std::pair<Object, Object> arguments(PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  return {tuple_of(args, n), dict_of(keys, args + n)};
}

// ------------------------------------------------------------------------------------------------
// observers

PyObject* observers = nullptr;  // a tuple of objects with enter, leave and node

/// enter(operator, args, kwargs) of each before a call, leave(operator, result) behind it; result
/// is None where the call raised.
class Observed {
 public:
  Observed(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys)
      : self_(self), told_(Object::borrow(observers)) {
    if (!told_) return;
    auto [positional, named] = arguments(args, n, keys);
    for (PyObject* one : Items(told_.get()))
      owned(
          PyObject_CallMethod(one, "enter", "OOO", object_of(self), positional.get(), named.get()));
  }
  void done(PyObject* result) {
    if (!told_) return;
    const Unraised error;
    bool failed = false;
    for (Py_ssize_t i = PyTuple_GET_SIZE(told_.get()); i-- > 0;)
      failed |= !Object::steal(PyObject_CallMethod(PyTuple_GET_ITEM(told_.get(), i), "leave", "OO",
                                                   object_of(self_), result ? result : Py_None));
    if (!failed || error) error.raise();
    if (failed && result) throw PythonError();
  }

 private:
  Operator& self_;
  Object told_;
};

void tell_of_node(Node* node, const std::vector<TensorRef>& grads,
                  const std::vector<TensorRef>& results) {
  Object told = Object::borrow(observers);
  if (!told) return;
  Object outputs = owned(tensor_tuple(grads)), inputs = owned(tensor_tuple(results));
  for (PyObject* one : Items(told.get()))
    owned(PyObject_CallMethod(one, "node", "OOO", node->py(), outputs.get(), inputs.get()));
}

/// What becomes of a node's backward.
void run_watched_node(Node* node, const std::vector<TensorRef>& grads,
                      std::vector<TensorRef>& results, void (*compute)(void*), void* context) {
  std::vector<PyObject*> given;
  for (const TensorRef& g : grads) given.push_back(g ? g.py() : Py_None);
  Timed timed(node->name(), given.data(), static_cast<Py_ssize_t>(given.size()), true);
  {
    Deeper deeper;
    compute(context);
  }
  timed.done(node->sequence);
  if (watchers & watch_finite) look_at_gradients(node, grads, results);
  if (watchers & watch_observers) tell_of_node(node, grads, results);
}

// ------------------------------------------------------------------------------------------------
// dispatch modes

PyObject* disabled_dispatch = nullptr;  // as a class's __torch_dispatch__: there is none

/// Whether a type may have a __torch_dispatch__ of its own.
bool dispatches(PyTypeObject* type) {
  if (type == tensor_type || !PyType_IsSubtype(type, tensor_type)) return false;
  Object own = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__torch_dispatch__"));
  PyErr_Clear();
  return own && own.get() != disabled_dispatch;
}

bool wants_dispatch(Operator& self, PyObject* const* args, Py_ssize_t n) {
  if (!(watchers & (watch_dispatch | watch_classes)) || self.is_private) return false;
  return InForce<watch_dispatch>::count() > 0 || holds_dispatching(args, n);
}

Object call_dispatch(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  auto [positional, named] = arguments(args, n, keys);
  return called(imported<"flambeau.utils._python_dispatch", "dispatch">(), object_of(self),
                positional.get(), named.get());
}

// ------------------------------------------------------------------------------------------------
// switches

/// [(name, is backward, depth, thread, start, stop, sequence, shapes)]; shapes has (sizes, dtype)
/// of each tensor and None of anything else, or is None where nobody asked.
Object events() {
  auto shape = [](const std::optional<Event::Shape>& of) {
    if (!of) return Object::borrow(Py_None);
    Object sizes = owned(make_size(of->sizes.data(), static_cast<int>(of->sizes.size())));
    return Object::steal(give_back(std::tuple(sizes, of->dtype)));
  };
  std::vector<Event> taken = take_events();
  return list_of(static_cast<Py_ssize_t>(taken.size()), [&](Py_ssize_t i) {
    const Event& e = taken[static_cast<size_t>(i)];
    Object shapes = Object::borrow(Py_None);
    if (e.has_shapes)
      shapes = tuple_of(static_cast<Py_ssize_t>(e.shapes.size()),
                        [&](Py_ssize_t k) { return shape(e.shapes[static_cast<size_t>(k)]); });
    return owned(give_back(std::tuple(e.name, e.backward, e.depth, uint64_t{e.thread}, e.start,
                                      e.stop, e.sequence, shapes)));
  });
}

/// Who is told of calls; returns who was.
Object set_observers(PyObject* now) {
  check<TypeError>(PyTuple_Check(now),
                   [] { return message("_set_observers(): expected a tuple."); });
  Object before = observers ? Object::steal(observers) : tuple_of(nullptr, 0);
  bool any = PyTuple_GET_SIZE(now) > 0;
  observers = any ? Py_NewRef(now) : nullptr;
  set_watcher(watch_observers, any);
  return before;
}

PyObject* py_disabled(const Call&) { return Py_NewRef(Py_NotImplemented); }

const NativeEntry entries[] = {
    {"_disabled_torch_dispatch_impl", "*args, **keywords", py_disabled,
     "As a class's __torch_dispatch__: its instances are plain tensors to operators."},
    bind<record_events>("_record_events", "on, shapes=False"),
    bind<events>("_take_events", ""),
    bind<set_finder>("_set_finder", "finder"),
    bind<set_observers>("_set_observers", "observers"),
    bind<InForce<watch_dispatch>::set>("_set_dispatch_modes", "n"),
    bind<[] { set_watcher(watch_classes, true); }>(
        "_expect_dispatch_classes", "",
        "From now on arguments are asked for a __torch_dispatch__."),
    {}};
const Functions functions(entries);

}  // namespace

bool holds_dispatching(PyObject* const* args, Py_ssize_t n) {
  bool found = false;
  if (watchers & watch_classes)
    for (Py_ssize_t i = 0; i < n && !found; ++i)
      each_tensor(args[i], [&](Tensor& t) { found |= dispatches(Py_TYPE(t.py())); });
  return found;
}

PyObject* run_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  return guarded([&]() -> PyObject* {
    Py_ssize_t all = n + count_of(keys);
    // What is written in Python has its parts asked.
    Mixing mixing = self.entry    ? self.entry->mixing
                    : self.way    ? self.way->mixing
                    : self.record ? Mixing::numbers
                                  : Mixing::all;
    DeviceScope scope(object_of(self), args, all, mixing);
    if (self.entry && self.entry->shown == Shown::no) return run_by_layout(self, args, n, keys);
    if (wants_rule(self, args, all)) return call_rule(self, args, n, keys);
    if (wants_dispatch(self, args, all)) {
      Object result = call_dispatch(self, args, n, keys);
      if (result.get() != Py_NotImplemented) return result.release();
    }
    FiniteWatch finite(name_of(self), args, n);
    Timed timed(name_of(self), args, all, false);
    Observed observed(self, args, n, keys);
    Object result;
    {
      Deeper deeper;
      auto run = [&](auto... given) {
        if (autocast.cuda.on && depth_of_calls == 1 && is_on_device()) [[unlikely]] {
          Operator::Precision precision = precision_on_device(self);
          if (precision != Operator::Precision::given) return run_cast(self, given..., precision);
        }
        return run_by_layout(self, given...);
      };
      result =
          Object::steal(is_on_device() ? call_on_device(name_of(self), false, args, n, keys, run)
                                       : run_by_layout(self, args, n, keys));
    }
    timed.done(recorded_by(result.get()));
    observed.done(result.get());
    if (!result) throw PythonError();
    finite.done(object_of(self), args, n, keys, result.get());
    return result.release();
  });
}

void initialize_hooks(PyObject* module) {
  watch_node = run_watched_node;
  disabled_dispatch = PyObject_GetAttrString(module, "_disabled_torch_dispatch_impl");
}

}  // namespace flambeau
