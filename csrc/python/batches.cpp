#include "python/batches.h"

#include "autograd/engine.h"
#include "dispatch/batched.h"
#include "python/operator.h"

namespace flambeau {

namespace {

PyObject* unruled = nullptr;  // flambeau.ops.batching: unruled(operator, args, kwargs)
constinit thread_local int active_levels = 0;
int threads_in_vmap = 0;

bool holds_batched(PyObject* o, int depth) {
  if (is_tensor(o)) return as_tensor(o)->batched;
  if (depth == 0 || !(PyTuple_Check(o) || PyList_Check(o))) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (holds_batched(PySequence_Fast_GET_ITEM(o, i), depth - 1)) return true;
  return false;
}

/// Of a form in place (its name ends in _): raises where the first argument lacks a level that
/// another has.
void check_written(const char* name, PyObject* const* args, Py_ssize_t n) {
  std::string_view text = name;
  if (!text.ends_with('_') || text.ends_with("__") || n == 0 || !is_tensor(args[0])) return;
  std::vector<const Tensor*> tensors;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (is_tensor(args[i])) tensors.push_back(as_tensor(args[i]));
  check_written_levels(*as_tensor(args[0]), joint_levels(tensors.data(), tensors.size()), name);
}

PyObject* ask_unruled(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* named) {
  check(unruled != nullptr, [] {
    return message("vmap: got a mapped tensor that has left the function that vmap called.");
  });
  Object positional = Object::steal(PyTuple_New(n));
  if (!positional) throw PythonError();
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[i]));
  return PyObject_CallFunctionObjArgs(unruled, reinterpret_cast<PyObject*>(&self), positional.get(),
                                      named, nullptr);
}

Levels levels_from(PyObject* o) {
  check<TypeError>(PyTuple_Check(o), [] { return message("_batch(): levels must be a tuple."); });
  Levels levels;
  check(PyTuple_GET_SIZE(o) <= max_levels,
        [] { return message("vmap: nested more than ", max_levels, " levels deep."); });
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i)
    levels.v[levels.n++] = PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
  if (PyErr_Occurred()) throw PythonError();
  return levels;
}

Object tuple_of(const Levels& levels) {
  Object tuple = Object::steal(PyTuple_New(levels.n));
  if (!tuple) throw PythonError();
  for (int i = 0; i < levels.n; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, PyLong_FromLongLong(levels.v[i]));
  return tuple;
}

/// _batch(value, levels): the value's first dimensions belong to levels; without levels itself.
PyObject* py_batch(const Call& call) {
  Args a(call);
  Tensor& value = a.tensor(0);
  const Levels levels = levels_from(a[1]);
  if (levels.n == 0) return TensorRef::borrow(&value).release_py();
  return make_batched(TensorRef::borrow(&value), levels).release_py();
}

/// _unbatch(tensor) -> (value, levels); of a tensor that is not batched itself and no levels.
PyObject* py_unbatch(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  Levels levels;
  if (t.batched) levels = batch_in(t).levels;
  Object tuple = tuple_of(levels);
  return PyTuple_Pack(2, t.batched ? batch_in(t).value.py() : t.py(), tuple.get());
}

PyObject* py_is_batched(const Call& call) {
  Args a(call);
  return PyBool_FromLong(is_tensor(a[0]) && as_tensor(a[0])->batched);
}

/// _set_levels(n) -> how many levels of vmap were active in this thread.
PyObject* py_set_levels(const Call& call) {
  Args a(call);
  int before = active_levels, after = static_cast<int>(a.integer(0));
  threads_in_vmap += (after > 0) - (before > 0);
  active_levels = after;
  set_watcher(watch_batches, threads_in_vmap > 0);
  return PyLong_FromLong(before);
}

/// _set_unruled(callable): what is asked where an operator has no rule.
PyObject* py_set_unruled(const Call& call) {
  Args a(call);
  Py_XSETREF(unruled, Py_NewRef(a[0]));
  Py_RETURN_NONE;
}

/// _run_inside(operator, args, kwargs): what lies behind the door.
PyObject* py_run_inside(const Call& call) {
  Args a(call);
  check<TypeError>(is_operator(a[0]) && PyTuple_Check(a[1]) && PyDict_Check(a[2]),
                   [] { return message("_run_inside(): takes an operator, a tuple and a dict."); });
  Operator& self = as_operator(a[0]);
  std::vector<PyObject*> given(PySequence_Fast_ITEMS(a[1]),
                               PySequence_Fast_ITEMS(a[1]) + PyTuple_GET_SIZE(a[1]));
  const auto n = static_cast<Py_ssize_t>(given.size());
  Object keys = Object::steal(PyTuple_New(PyDict_GET_SIZE(a[2])));
  if (!keys) throw PythonError();
  PyObject *key, *value;
  for (Py_ssize_t at = 0, k = 0; PyDict_Next(a[2], &at, &key, &value); ++k) {
    PyTuple_SET_ITEM(keys.get(), k, Py_NewRef(key));
    given.push_back(value);
  }
  return self.run(self, given.data(), n, PyTuple_GET_SIZE(keys.get()) ? keys.get() : nullptr);
}

/// _become(tensor, value, levels): a fresh tensor of no batch becomes what _batch(value, levels)
/// is.
PyObject* py_become(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  TensorRef made = make_batched(TensorRef::borrow(&a.tensor(1)), levels_from(a[2]));
  check((t.batched || !t.autograd) && sizes_of(t) == sizes_of(*made), [&] {
    return message("_become(): ", describe(t), " is no fresh tensor of the shape of ",
                   describe(*made), ".");
  });
  std::swap(t.storage, made->storage);
  t.batched = true;
  need_meta(t).batch = std::move(made->autograd->batch);
  made->batched = false;
  Py_RETURN_NONE;
}

/// _in_vmap() -> whether a vmap is active in this thread.
PyObject* py_in_vmap(const Call&) { return PyBool_FromLong(active_levels > 0); }

const NativeEntry entries[] = {
    {"_batch", "value, levels", py_batch, "A batched tensor.", Mixing::all, Shown::no},
    {"_unbatch", "tensor", py_unbatch, "(value, levels) of a tensor.", Mixing::all, Shown::no},
    {"_is_batched", "tensor", py_is_batched, "Whether it is a batched tensor.", Mixing::all,
     Shown::no},
    {"_become", "tensor, value, levels", py_become, "A fresh tensor becomes a batched one.",
     Mixing::all, Shown::no},
    {"_in_vmap", "", py_in_vmap, "Whether a vmap is active in this thread.", Mixing::all,
     Shown::no},
    {"_set_levels", "n", py_set_levels, "How many levels of vmap are active.", Mixing::all,
     Shown::no},
    {"_set_unruled", "callable", py_set_unruled, "What is asked where an operator has no rule.",
     Mixing::all, Shown::no},
    {"_run_inside", "operator, args, kwargs", py_run_inside, "Calls an operator behind its door.",
     Mixing::all, Shown::no},
    {}};

}  // namespace

bool any_batched(PyObject* const* args, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i)
    if (holds_batched(args[i], 3)) return true;
  return false;
}

PyObject* call_rule(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (self.batch_rule && self.batch_rule != Py_None)
    return PyObject_Vectorcall(self.batch_rule, args, static_cast<size_t>(n), keys);
  if (!self.entry && !self.node_type) {
    check_written(name_of(self), args, n + (keys ? PyTuple_GET_SIZE(keys) : 0));
    return self.run(self, args, n, keys);
  }
  Object named = Object::steal(PyDict_New());
  if (!named) throw PythonError();
  for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k)
    if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(keys, k), args[n + k]) < 0)
      throw PythonError();
  return ask_unruled(self, args, n, named.get());
}

void initialize_batches(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
