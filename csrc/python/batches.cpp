#include "python/door.h"

#include "autograd/engine.h"
#include "dispatch/batched.h"
#include "python/bind.h"
#include "python/operator.h"

namespace flambeau {

static Levels read_as(As<Levels>, Reader& r) {
  return levels_of(Argument<std::vector<int64_t>>::read(r));
}

namespace {

PyObject* unruled = nullptr;  // flambeau.ops.batching: unruled(operator, args, kwargs)
bool holds_batched(PyObject* o, int depth) {
  if (is_tensor(o)) return as_tensor(o)->batched;
  if (depth > 0 && is_list(o))
    for (PyObject* item : Items(o))
      if (holds_batched(item, depth - 1)) return true;
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

/// What lies behind the door of an operator.
PyObject* run_inside(Operator& self, PyObject* args, PyObject* kwargs) {
  check<TypeError>(PyTuple_Check(args) && PyDict_Check(kwargs),
                   [] { return message("_run_inside(): takes an operator, a tuple and a dict."); });
  std::vector<PyObject*> given(PySequence_Fast_ITEMS(args),
                               PySequence_Fast_ITEMS(args) + PyTuple_GET_SIZE(args));
  Object keys = owned(PyTuple_New(PyDict_GET_SIZE(kwargs)));
  const auto n = static_cast<Py_ssize_t>(given.size());
  PyObject *key, *value;
  for (Py_ssize_t at = 0, k = 0; PyDict_Next(kwargs, &at, &key, &value); ++k) {
    PyTuple_SET_ITEM(keys.get(), k, Py_NewRef(key));
    given.push_back(value);
  }
  return self.run(self, given.data(), n, PyTuple_GET_SIZE(keys.get()) ? keys.get() : nullptr);
}

const NativeEntry entries[] = {
    fact(bind<batched>("_batch", "value, levels")),
    fact(bind<[](Tensor& t) {
      auto [value, levels] = unbatched(t);
      return std::tuple(value, tuple_of_integers(levels.v, levels.n));
    }>("_unbatch", "tensor")),
    fact(bind<[](PyObject* o) { return is_tensor(o) && as_tensor(o)->batched; }>(
        "_is_batched", "tensor", "Whether it is a batched tensor.")),
    fact(bind<become_batched>("_become", "tensor, value, levels")),
    fact(bind<[] { return (InForce<watch_batches>::count() > 0); }>(
        "_in_vmap", "", "Whether a vmap is active in this thread.")),
    fact(bind<InForce<watch_batches>::set>("_set_levels", "n")),
    fact(bind<[](PyObject* callable) { Py_XSETREF(unruled, Py_NewRef(callable)); }>(
        "_set_unruled", "callable", "What is asked where an operator has no rule.")),
    fact(bind<run_inside>("_run_inside", "operator, args, kwargs")),
    {}};
const Functions functions(entries);

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
    check_written(name_of(self), args, n + count_of(keys));
    return self.run(self, args, n, keys);
  }
  check(unruled != nullptr, [] {
    return message("vmap: got a mapped tensor that has left the function that vmap called.");
  });
  return called(unruled, reinterpret_cast<PyObject*>(&self), tuple_of(args, n).get(),
                dict_of(keys, args + n).get())
      .release();
}

}  // namespace flambeau
