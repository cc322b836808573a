// out= and writing in place, for operators written in Python; cat and stack.
#include "dispatch/out.h"
#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/join.h"
#include "dispatch/overlap.h"
#include "dispatch/pointwise.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// _finish_out(result, out, name): what finish_out does, for operators written in Python.
PyObject* py_finish_out(const Call& call) {
  Args a(call);
  a.speak_for(2);
  return finish_out(TensorRef::borrow(&a.tensor(0)), &a.tensor(1), a.function()).release_py();
}

/// _check_out(out, dtype, inputs, name): raises unless out has this dtype and lies apart from
/// inputs.
PyObject* py_check_out(const Call& call) {
  Args a(call);
  a.speak_for(3);
  const char* op = a.function();
  const Tensor& out = a.tensor(0);
  DType expected = to_dtype_value(a[1], op);
  check<TypeError>(PyTuple_Check(a[2]), [] { return message("_check_out(): expected a tuple."); });
  check(out.dtype == expected, [&] {
    return message(op, ": out is ", name(out.dtype), " but the result is ", name(expected),
                   ". Give out that dtype.");
  });
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a[2]); ++i)
    if (PyObject* input = PyTuple_GET_ITEM(a[2], i); is_tensor(input))
      check_apart(*as_tensor(input), out, op);
  Py_RETURN_NONE;
}

PyObject* py_check_inplace(const Call& call) {
  Args a(call);
  a.speak_for(1);
  Tensor& t = a.tensor(0);
  check_inplace(t.batched ? *batch_in(t).value : t, a.function());
  Py_RETURN_NONE;
}
PyObject* py_bump_version(const Call& call) {
  Args a(call);
  a.tensor(0).bump_version("an in-place operator");
  Py_RETURN_NONE;
}

std::vector<TensorRef> tensors_of(PyObject* o, const char* function) {
  check<TypeError>(!is_tensor(o), [&] {
    return message(function, ": takes a list or tuple of Tensors, not one Tensor.");
  });
  Object items = listed(o);
  if (!items && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    throw TypeError(
        message(function, ": takes a list or tuple of Tensors, not ", Py_TYPE(o)->tp_name, "."));
  }
  if (!items) throw PythonError();
  std::vector<TensorRef> tensors;
  tensors.reserve(static_cast<size_t>(PySequence_Fast_GET_SIZE(items.get())));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    check<TypeError>(is_tensor(item), [&] {
      return message(function, ": item ", i, " of the list is ", Py_TYPE(item)->tp_name,
                     ", not a Tensor.");
    });
    tensors.push_back(TensorRef::borrow(as_tensor(item)));
  }
  return tensors;
}
PyObject* join(const Call& call, const char* function,
               TensorRef (*operation)(const std::vector<TensorRef>&, int64_t)) {
  Args a(call);
  std::vector<TensorRef> tensors = tensors_of(a[0], function);
  Tensor* out = a.given(2) ? &a.tensor(2) : nullptr;
  if (out)
    for (const TensorRef& t : tensors) check_apart(*t, *out, function);
  return finish_out(operation(tensors, a.integer(1)), out, function).release_py();
}
PyObject* py_cat(const Call& call) { return join(call, "cat", cat); }
PyObject* py_stack(const Call& call) { return join(call, "stack", stack); }

const NativeEntry entries[] = {
    {"_finish_out", "result, out, name", py_finish_out, "Puts a result into out=."},
    {"_check_out", "out, dtype, inputs, name", py_check_out,
     "Raises unless out= has the dtype and lies apart from the inputs."},
    {"_check_inplace", "input, name", py_check_inplace,
     "Raises if a tensor may not be written in place."},
    {"_bump_version", "input, name=None", py_bump_version, "Notes a write in place."},
    {"cat", "tensors, dim=0, *, out=None", py_cat, "Tensors one after the other along dim."},
    {"stack", "tensors, dim=0, *, out=None", py_stack,
     "Tensors of one shape along a new dimension."},
    {}};

}  // namespace

void initialize_out(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
