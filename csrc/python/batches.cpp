#include "python/door.h"

#include "autograd/engine.h"
#include "dispatch/batched.h"
#include "python/bind.h"
#include "python/operator.h"

namespace flambeau {

static Levels read_as(As<Levels>, Reader& r) {
  return levels_of(Argument<std::vector<int64_t>>::read(r));
}
static PyObject* give_back(const Levels& levels) {
  return tuple_of_integers(levels.v, levels.n).release();
}

namespace {

bool holds_batched(PyObject* o, int depth) {
  if (is_tensor(o)) return as_tensor(o)->batched;
  if (depth > 0 && is_list(o))
    for (PyObject* item : Items(o))
      if (holds_batched(item, depth - 1)) return true;
  return false;
}

/// What lies behind the door of an operator.
PyObject* run_inside(const Call& call) {
  check<TypeError>(call.n > 0 && is_operator(call.args[0]),
                   [] { return message("_run_inside(): takes an operator first."); });
  Operator& self = as_operator(call.args[0]);
  return self.run(self, call.args + 1, call.n - 1, call.names);
}

const NativeEntry entries[] = {
    fact(bind<batched>("_batch", "value, levels")),
    fact(bind<unbatched>("_unbatch", "tensor")),
    fact(bind<[](PyObject* o) { return is_tensor(o) && as_tensor(o)->batched; }>(
        "_is_batched", "tensor", "Whether it is a batched tensor.")),
    fact(bind<become_batched>("_become", "tensor, value, levels")),
    fact(bind<[] { return (InForce<watch_batches>::count() > 0); }>(
        "_in_vmap", "", "Whether a vmap is active in this thread.")),
    fact(bind<InForce<watch_batches>::set>("_set_levels", "n")),
    fact(NativeEntry{"_run_inside", "operator, *args, **kwargs", run_inside}),
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
    std::vector<const Tensor*> tensors;
    for (Py_ssize_t i = 0; i < n + count_of(keys); ++i)
      if (is_tensor(args[i])) tensors.push_back(as_tensor(args[i]));
    if (n && is_tensor(args[0])) check_written(tensors, name_of(self));
    return self.run(self, args, n, keys);
  }
  return called(imported<"flambeau.ops.batching", "unruled">(), reinterpret_cast<PyObject*>(&self),
                tuple_of(args, n).get(), dict_of(keys, args + n).get())
      .release();
}

}  // namespace flambeau
