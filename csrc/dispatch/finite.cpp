#include "dispatch/finite.h"

#include "autograd/door.h"
#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/promotion.h"
#include "dispatch/reduce.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

template <class Bits>
bool none_has_exponent(const Tensor& t, Bits exponent) {
  const Bits* bits = t.as<Bits>();
  Bits found = 0;
  for (int64_t i = 0; i < t.numel; ++i)
    found |= (bits[i] & exponent) == exponent ? Bits{1} : Bits{0};
  return found == 0;
}

}  // namespace

bool all_finite(const Tensor& t) {
  if (t.is_meta()) return true;
  if (t.is_cuda()) return all_finite(*to_device(const_cast<Tensor&>(t), on_cpu));
  switch (t.dtype) {
    case DType::float16: return none_has_exponent<uint16_t>(t, 0x7c00);
    case DType::bfloat16: return none_has_exponent<uint16_t>(t, 0x7f80);
    case DType::float32: return none_has_exponent<uint32_t>(t, 0x7f800000);
    case DType::float64: return none_has_exponent<uint64_t>(t, 0x7ff0000000000000);
    default: return true;
  }
}

namespace {

PyObject* finder = nullptr;

/// (module, code, line) of the program's innermost frame.
Object place() {
  Object path = attribute_of(finder, "path");
  ProgramLine at = program_line();
  if (at.code) return owned(Py_BuildValue("OOi", path.get(), at.code.get(), at.line));
  return owned(PyTuple_Pack(3, path.get(), Py_None, Py_None));
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
  if (!extras.metadata) extras.metadata = owned(PyDict_New());
  if (PyDict_GetItemString(extras.metadata.get(), "made_at")) return;
  if (PyDict_SetItemString(extras.metadata.get(), "made_at", place().get()) < 0)
    throw PythonError();
}

}  // namespace

Object set_finder(PyObject* now) {
  Object before = finder ? Object::steal(finder) : Object::borrow(Py_None);
  finder = now == Py_None ? nullptr : Py_NewRef(now);
  set_watcher(watch_finite, finder != nullptr);
  return before;
}

FiniteWatch::FiniteWatch(std::string_view name, PyObject* const* args, Py_ssize_t n)
    : name_(name), looks_(watchers & watch_finite) {
  if (looks_ && n && is_tensor(args[0]) && name.ends_with('_'))
    looks_ = is_finite(*as_tensor(args[0]));
}

void FiniteWatch::done(PyObject* callable, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                       PyObject* result) {
  if (!looks_) return;
  const Py_ssize_t all = n + count_of(keys);
  bool written = name_.ends_with('_');
  for (Py_ssize_t k = 0; k < count_of(keys); ++k)
    written |= is_text(PyTuple_GET_ITEM(keys, k), "out");
  each_tensor(result, [&](Tensor& t) {
    note_place(t);
    if (is_finite(t) || was_before(t, args, all, written)) return;
    Object list = tuple_of(args, all);
    owned(
        PyObject_CallMethod(finder, "found", "OOOO", callable, list.get(), t.py(), place().get()));
  });
}

void look_at_gradients(Node* node, const std::vector<TensorRef>& grads,
                       const std::vector<TensorRef>& results) {
  for (const TensorRef& g : grads)
    if (g && !is_finite(*g)) return;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i] || is_finite(*results[i])) continue;
    owned(PyObject_CallMethod(finder, "found_backward", "OnO", node->py(),
                              static_cast<Py_ssize_t>(i), results[i].py()));
  }
}

}  // namespace flambeau
