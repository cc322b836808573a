#include "python/hooks.h"
#include "python/batches.h"
#include "python/elsewhere.h"
#include "python/lowering.h"

#include <Python.h>

#include <ctime>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/reduce.h"
#include "python/bind.h"
#include "python/operator.h"
#include "python/tensor/layouts.h"
#include "runtime/program.h"
#include "tensor/device_scope.h"

namespace flambeau {

namespace {

constinit thread_local int depth = 0;  // of calls within calls

struct Deeper {
  Deeper() { ++depth; }
  ~Deeper() { --depth; }
};

PyObject* object_of(Operator& self) { return reinterpret_cast<PyObject*>(&self); }

/// Calls visit(tensor) for the tensors in o, which is one, or a tuple or list.
template <class Visit>
void each_tensor(PyObject* o, Visit&& visit) {
  if (!o) return;
  if (is_tensor(o)) {
    visit(*as_tensor(o));
  } else if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      if (is_tensor(PySequence_Fast_GET_ITEM(o, i)))
        visit(*as_tensor(PySequence_Fast_GET_ITEM(o, i)));
  }
}

Object called(Object made) {
  if (!made) throw PythonError();
  return made;
}

// ------------------------------------------------------------------------------------------------
// events

struct Event {
  Object name, shapes;
  bool backward;
  int depth;
  unsigned long thread;
  int64_t start, stop;
  uint64_t sequence;  // of the node that a call recorded, or that ran
};
std::vector<Event> events;
bool events_have_shapes = false;

int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/// (sizes, dtype) of each tensor, None of anything else.
Object shapes_of(PyObject* const* args, Py_ssize_t n) {
  if (!events_have_shapes) return Object::borrow(Py_None);
  Object tuple = called(Object::steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = Py_NewRef(Py_None);
    if (is_tensor(args[i])) {
      Tensor& t = *as_tensor(args[i]);
      Py_SETREF(item, Py_BuildValue("NO", make_size(t.sizes, t.ndim), dtype_object(t.dtype)));
      if (!item) throw PythonError();
    }
    PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  return tuple;
}

uint64_t recorded_by(PyObject* result) {
  uint64_t sequence = 0;
  each_tensor(result, [&](Tensor& t) {
    if (t.autograd && t.autograd->grad_fn) sequence = t.autograd->grad_fn->sequence;
  });
  return sequence;
}

/// Notes the time of a call from its making to done().
class Timed {
 public:
  Timed(Object name, Object shapes, bool backward)
      : name_(std::move(name)), shapes_(std::move(shapes)), backward_(backward), start_(now()) {}
  void done(uint64_t sequence) {
    int64_t stop = now();
    events.push_back(
        {name_, shapes_, backward_, depth, PyThread_get_thread_ident(), start_, stop, sequence});
  }

 private:
  Object name_, shapes_;
  bool backward_;
  int64_t start_;
};

// ------------------------------------------------------------------------------------------------
// the first result that is not finite

// found(operator, args, result, place) and found_backward(node, index, gradient) raise; `path` is
// the name of the module that runs.
PyObject* finder = nullptr;

/// (module, code, line) of the program's innermost frame.
Object place() {
  Object path = called(Object::steal(PyObject_GetAttrString(finder, "path")));
  ProgramLine at = program_line();
  if (at.code)
    return called(Object::steal(Py_BuildValue("OOi", path.get(), at.code.get(), at.line)));
  return called(Object::steal(PyTuple_Pack(3, path.get(), Py_None, Py_None)));
}

bool is_finite(Tensor& t) {
  if (t.numel == 0 || !is_differentiable(t.dtype)) return true;
  if (is_complex(t.dtype)) {
    TensorRef real = raw_view(t, {2 * t.numel}, {1}, 2 * t.offset);
    if (!is_dense(t)) return true;
    real->dtype = to_real(t.dtype);
    return all_finite(*real);
  }
  if (t.contiguous) return all_finite(t);
  GradModeGuard off(false);
  if (is_dense(t)) return all_finite(*raw_view(t, {t.numel}, {1}, t.offset));
  return all_finite(*contiguous(t));
}

/// Whether what is not finite in `result` was so before: it lies in an argument's memory, or an
/// argument is not finite either. An argument that is the result may have been `written`.
bool was_before(Tensor& result, PyObject* const* args, Py_ssize_t n, bool written) {
  bool before = false;
  for (Py_ssize_t i = 0; i < n && !before; ++i) {
    each_tensor(args[i], [&](Tensor& t) {
      if (&t == &result)
        before |= !written;
      else
        before |= t.storage == result.storage || !is_finite(t);
    });
    if (PyFloat_Check(args[i])) before |= !Py_IS_FINITE(PyFloat_AS_DOUBLE(args[i]));
  }
  return before;
}

/// Writes down where a recorded result was made, for a gradient that is not finite.
void note_place(Tensor& t) {
  if (!t.autograd || !t.autograd->grad_fn || !grad_mode_enabled) return;
  NodeExtras& extras = t.autograd->grad_fn->need_extras();
  if (!extras.metadata) extras.metadata = called(Object::steal(PyDict_New()));
  if (PyDict_GetItemString(extras.metadata.get(), "made_at")) return;
  if (PyDict_SetItemString(extras.metadata.get(), "made_at", place().get()) < 0)
    throw PythonError();
}

void look_for_infinite(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                       PyObject* result) {
  std::string_view name = name_of(self);
  bool written = name.ends_with('_');
  for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k)
    written |= PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keys, k), "out") == 0;
  each_tensor(result, [&](Tensor& t) {
    note_place(t);
    if (is_finite(t) || was_before(t, args, n, written)) return;
    Object list = called(Object::steal(PyTuple_New(n)));
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(list.get(), i, Py_NewRef(args[i]));
    called(Object::steal(PyObject_CallMethod(finder, "found", "OOOO", object_of(self), list.get(),
                                             t.py(), place().get())));
  });
}

// ------------------------------------------------------------------------------------------------
// observers

PyObject* observers = nullptr;  // a tuple of objects with enter, leave and node

Object arguments(PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  Object positional = called(Object::steal(PyTuple_New(n)));
  Object named = called(Object::steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[i]));
  for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k)
    if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(keys, k), args[n + k]) < 0)
      throw PythonError();
  return called(Object::steal(PyTuple_Pack(2, positional.get(), named.get())));
}

/// enter(operator, args, kwargs) of each before a call, leave(operator, result) behind it; result
/// is None where the call raised.
class Observed {
 public:
  Observed(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys)
      : self_(self), told_(Object::borrow(observers)) {
    if (!told_) return;
    Object given = arguments(args, n, keys);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(told_.get()); ++i)
      called(Object::steal(PyObject_CallMethod(PyTuple_GET_ITEM(told_.get(), i), "enter", "OOO",
                                               object_of(self), PyTuple_GET_ITEM(given.get(), 0),
                                               PyTuple_GET_ITEM(given.get(), 1))));
  }
  void done(PyObject* result) {
    if (!told_) return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool failed = false;
    for (Py_ssize_t i = PyTuple_GET_SIZE(told_.get()); i-- > 0;) {
      Object answer =
          Object::steal(PyObject_CallMethod(PyTuple_GET_ITEM(told_.get(), i), "leave", "OO",
                                            object_of(self_), result ? result : Py_None));
      failed |= !answer;
    }
    if (!failed || type) PyErr_Restore(type, value, traceback);
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
  Object outputs = called(Object::steal(tensor_tuple(grads)));
  Object inputs = called(Object::steal(tensor_tuple(results)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(told.get()); ++i)
    called(Object::steal(PyObject_CallMethod(PyTuple_GET_ITEM(told.get(), i), "node", "OOO",
                                             node->py(), outputs.get(), inputs.get())));
}

// ------------------------------------------------------------------------------------------------
// nodes of a backward

void run_watched_node(Node* node, const std::vector<TensorRef>& grads,
                      std::vector<TensorRef>& results, void (*compute)(void*), void* context) {
  std::unique_ptr<Timed> timed;
  if (watchers & watch_events) {
    std::vector<PyObject*> given;
    for (const TensorRef& g : grads) given.push_back(g ? g.py() : Py_None);
    timed = std::make_unique<Timed>(called(Object::steal(PyUnicode_FromString(node->name()))),
                                    shapes_of(given.data(), static_cast<Py_ssize_t>(given.size())),
                                    true);
  }
  {
    Deeper deeper;
    compute(context);
  }
  if (timed) timed->done(node->sequence);
  if (watchers & watch_finite) {
    bool before = false;
    for (const TensorRef& g : grads) before |= g && !is_finite(*g);
    for (size_t i = 0; i < results.size() && !before; ++i)
      if (results[i] && !is_finite(*results[i]))
        called(Object::steal(PyObject_CallMethod(finder, "found_backward", "OnO", node->py(),
                                                 static_cast<Py_ssize_t>(i), results[i].py())));
  }
  if (watchers & watch_observers) tell_of_node(node, grads, results);
}

// ------------------------------------------------------------------------------------------------
// dispatch modes

constinit thread_local int dispatch_modes = 0;
int threads_in_dispatch = 0;
bool any_dispatch_class = false;
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
  if (self.is_private) return false;
  if (dispatch_modes > 0) return true;
  if (!any_dispatch_class) return false;
  bool found = false;
  for (Py_ssize_t i = 0; i < n && !found; ++i)
    each_tensor(args[i], [&](Tensor& t) { found |= dispatches(Py_TYPE(t.py())); });
  return found;
}

PyObject* call_dispatch(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  static PyObject* handler = nullptr;
  if (!handler) {
    Object module = called(Object::steal(PyImport_ImportModule("flambeau.utils._python_dispatch")));
    handler = called(Object::steal(PyObject_GetAttrString(module.get(), "dispatch"))).release();
  }
  Object given = arguments(args, n, keys);
  return PyObject_CallFunctionObjArgs(handler, object_of(self), PyTuple_GET_ITEM(given.get(), 0),
                                      PyTuple_GET_ITEM(given.get(), 1), nullptr);
}

// ------------------------------------------------------------------------------------------------
// switches

/// [(name, is backward, depth, thread, start, stop, sequence, shapes)], times in ns of
/// time.monotonic_ns(), in the order of their ends; forgets them.
Object take_events() {
  std::vector<Event> taken = std::move(events);
  events.clear();
  Object list = called(Object::steal(PyList_New(0)));
  for (const Event& e : taken) {
    Object item = called(Object::steal(
        Py_BuildValue("OOikLLKO", e.name.get(), e.backward ? Py_True : Py_False, e.depth, e.thread,
                      static_cast<long long>(e.start), static_cast<long long>(e.stop),
                      static_cast<unsigned long long>(e.sequence), e.shapes.get())));
    if (PyList_Append(list.get(), item.get()) < 0) throw PythonError();
  }
  return list;
}

/// Sets who is told, None: nobody; returns who was.
Object set_finder(PyObject* now) {
  Object before = finder ? Object::steal(finder) : Object::borrow(Py_None);
  finder = now == Py_None ? nullptr : Py_NewRef(now);
  set_watcher(watch_finite, finder != nullptr);
  return before;
}
Object set_observers(PyObject* now) {
  check<TypeError>(PyTuple_Check(now),
                   [] { return message("_set_observers(): expected a tuple."); });
  Object before = observers ? Object::steal(observers) : Object::steal(PyTuple_New(0));
  bool any = PyTuple_GET_SIZE(now) > 0;
  observers = any ? Py_NewRef(now) : nullptr;
  set_watcher(watch_observers, any);
  return before;
}

void set_dispatch() { set_watcher(watch_dispatch, threads_in_dispatch > 0 || any_dispatch_class); }

/// How many were in force in this thread.
int64_t set_dispatch_modes(int64_t n) {
  int before = dispatch_modes, after = static_cast<int>(n);
  threads_in_dispatch += (after > 0) - (before > 0);
  dispatch_modes = after;
  set_dispatch();
  return before;
}

PyObject* py_disabled(const Call&) { return Py_NewRef(Py_NotImplemented); }

const NativeEntry entries[] = {
    {"_disabled_torch_dispatch_impl", "*args, **keywords", py_disabled,
     "As a class's __torch_dispatch__: its instances are plain tensors to operators."},
    bind<[](bool on, bool shapes) {
      set_watcher(watch_events, on);
      events_have_shapes = shapes;
    }>("_record_events", "on, shapes=False",
       "Whether calls of operators are noted with their times."),
    bind<take_events>("_take_events", "", "What has been noted."),
    bind<set_finder>("_set_finder", "finder",
                     "Who is told of the first result that is not finite; returns who was."),
    bind<set_observers>("_set_observers", "observers", "Who is told of calls; returns who was."),
    bind<set_dispatch_modes>("_set_dispatch_modes", "n",
                             "How many dispatch modes are in force; returns how many were."),
    bind<[] {
      any_dispatch_class = true;
      set_dispatch();
    }>("_expect_dispatch_classes", "", "From now on arguments are asked for a __torch_dispatch__."),
    {}};

}  // namespace

PyObject* run_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  return guarded([&]() -> PyObject* {
    Py_ssize_t all = n + (keys ? PyTuple_GET_SIZE(keys) : 0);
    // What is written in Python has its parts asked.
    Mixing mixing = self.entry    ? self.entry->mixing
                    : self.way    ? self.way->mixing
                    : self.record ? Mixing::numbers
                                  : Mixing::all;
    DeviceScope scope(object_of(self), args, all, mixing);
    if (self.entry && self.entry->shown == Shown::no) return run_by_layout(self, args, n, keys);
    if (wants_rule(self, args, all)) return call_rule(self, args, n, keys);
    if ((watchers & watch_dispatch) && wants_dispatch(self, args, all)) {
      Object result = Object::steal(call_dispatch(self, args, n, keys));
      if (!result) throw PythonError();
      if (result.get() != Py_NotImplemented) return result.release();
    }
    // What is written in place is looked at before.
    bool looks = (watchers & watch_finite) &&
                 !(n && is_tensor(args[0]) && std::string_view(name_of(self)).ends_with('_') &&
                   !is_finite(*as_tensor(args[0])));
    std::unique_ptr<Timed> timed;
    if (watchers & watch_events)
      timed = std::make_unique<Timed>(
          called(Object::steal(PyObject_GetAttrString(object_of(self), "__name__"))),
          shapes_of(args, all), false);
    Observed observed(self, args, n, keys);
    Object result;
    {
      Deeper deeper;
      auto run = [&](auto... given) {
        if (autocast.cuda.on && depth == 1 && is_on_device()) [[unlikely]] {
          Operator::Precision precision = precision_on_device(self);
          if (precision != Operator::Precision::given) return run_cast(self, given..., precision);
        }
        return run_by_layout(self, given...);
      };
      result =
          Object::steal(is_on_device() ? call_on_device(name_of(self), false, args, n, keys, run)
                                       : run_by_layout(self, args, n, keys));
    }
    if (timed) timed->done(recorded_by(result.get()));
    observed.done(result.get());
    if (!result) throw PythonError();
    if (looks) look_for_infinite(self, args, all, keys, result.get());
    return result.release();
  });
}

void initialize_hooks(PyObject* module) {
  watch_node = run_watched_node;
  add_functions(module, entries);
  disabled_dispatch = PyObject_GetAttrString(module, "_disabled_torch_dispatch_impl");
}

}  // namespace flambeau
