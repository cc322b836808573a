// out= and writing in place, for operators written in Python.
#include "dispatch/out.h"
#include "autograd/meta.h"
#include "dispatch/batched.h"
#include "dispatch/join.h"
#include "dispatch/overlap.h"
#include "python/bind.h"

namespace flambeau {

namespace {

/// A tensor of an operator written in Python, in whose name messages speak.
Tensor& tensor_of(const char* op, const char* role, PyObject* o) {
  check<TypeError>(is_tensor(o), [&] {
    return message(op, ": ", role, " must be a Tensor, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}

/// Raises unless out has this dtype and lies apart from the tensors among inputs.
void check_out(PyObject* given, DType expected, PyObject* inputs, const char* op) {
  Tensor& out = tensor_of(op, "out", given);
  check(out.dtype == expected, [&] {
    return message(op, ": out is ", name(out.dtype), " but the result is ", name(expected),
                   ". Give out that dtype.");
  });
  each_tensor(inputs, [&](Tensor& input) { check_apart(input, out, op); });
}

const NativeEntry entries[] = {
    bind<[](Tensor& result, PyObject* out, const char* name) {
      return finish_out(TensorRef::borrow(&result), &tensor_of(name, "out", out), name);
    }>("_finish_out", "result, out, name", "Puts a result into out=."),
    bind<check_out>("_check_out", "out, dtype, inputs, name"),
    bind<[](PyObject* input, const char* name) {
      Tensor& t = tensor_of(name, "input", input);
      check_inplace(t.batched ? *batch_in(t).value : t, name);
    }>("_check_inplace", "input, name", "Raises if a tensor may not be written in place."),
    {}};

const Functions functions(entries), joins(entries_of<join_functions>.data());

}  // namespace

}  // namespace flambeau
