#include "python/door.h"

#include "autograd/door.h"
#include "dispatch/events.h"
#include "dispatch/finite.h"
#include "dispatch/observers.h"
#include "python/bind.h"
#include "python/operator.h"
#include "tensor/device_scope.h"

namespace flambeau {

namespace {

PyObject* object_of(Operator& self) { return reinterpret_cast<PyObject*>(&self); }

/// Whether a type may have a __torch_dispatch__ of its own.
bool dispatches(PyTypeObject* type) {
  if (type == tensor_type || !PyType_IsSubtype(type, tensor_type)) return false;
  Object own = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__torch_dispatch__"));
  PyErr_Clear();
  return own && !is_disabled(own.get());
}

bool wants_dispatch(Operator& self, PyObject* const* args, Py_ssize_t n) {
  if (!(watchers & (watch_dispatch | watch_classes)) || self.is_private) return false;
  return InForce<watch_dispatch>::count() > 0 || holds_dispatching(args, n);
}

const NativeEntry entries[] = {bind<InForce<watch_dispatch>::set>("_set_dispatch_modes", "n"),
                               bind<[] { set_watcher(watch_classes, true); }>(
                                   "_expect_dispatch_classes", "",
                                   "From now on arguments are asked for a __torch_dispatch__."),
                               {}};
const Functions functions(entries),
    typed(entries_of<event_functions, finite_functions, observer_functions>.data());

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
      Object result =
          called(imported<"flambeau.utils._python_dispatch", "dispatch">(), object_of(self),
                 tuple_of(args, n).get(), dict_of(keys, args + n).get());
      if (result.get() != Py_NotImplemented) return result.release();
    }
    FiniteWatch finite(name_of(self), args, n);
    Timed timed(name_of(self), args, all, false);
    Observed observed(object_of(self), args, n, keys);
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

}  // namespace flambeau
