#include "dispatch/out.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/overlap.h"
#include "dispatch/pointwise.h"
#include "runtime/program.h"
#include "tensor/objects.h"

namespace flambeau {

void check_out_unrecorded(bool out_recorded, bool input_recorded, const char* op) {
  check(!out_recorded && !input_recorded, [&] {
    return message(op, ": autograd does not record writes to out=, and ",
                   out_recorded ? "out" : "an input",
                   " requires grad. Call it without out=, or under torch.no_grad().");
  });
}

void prepare_out(Tensor& out, const Dims& sizes, const Dims& strides, DType result,
                 const char* op) {
  check_castable(result, out.dtype, op);
  check_no_inference(out, op);
  check_out_unrecorded(needs_record(out), false, op);
  if (sizes_of(out) == sizes) {
    check_written_once(out, op);
    return;
  }
  if (out.numel != 0) {
    // The first words are what programs filter warnings by (docs/differences.md).
    std::string text =
        message("An output with one or more elements was resized: out of ", op, " had shape ",
                shape(out), ", the result has ", to_string(sizes),
                ". Give out that shape, or resize_(0) it first to say that you mean it.");
    warn(text);
  }
  resize_to(out, sizes, strides);
}

TensorRef finish_out(TensorRef result, Tensor* out, const char* op) {
  if (!out) return result;
  check_out_unrecorded(grad_mode_enabled && requires_grad(*out), requires_grad(*result), op);
  Dims sizes = sizes_of(*result);
  prepare_out(*out, sizes, is_dense(*result) ? strides_of(*result) : contiguous_strides(sizes),
              result->dtype, op);
  copy_bytes(*out, *result);
  out->bump_version(op);
  return TensorRef::borrow(out);
}

static Tensor& need_tensor(const char* op, const char* role, PyObject* o) {
  check<TypeError>(is_tensor(o), [&] {
    return message(op, ": ", role, " must be a Tensor, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}

TensorRef finish_given(Tensor& result, PyObject* out, const char* op) {
  return finish_out(TensorRef::borrow(&result), &need_tensor(op, "out", out), op);
}

void check_given(PyObject* given, DType expected, PyObject* inputs, const char* op) {
  Tensor& out = need_tensor(op, "out", given);
  check(out.dtype == expected, [&] {
    return message(op, ": out is ", name(out.dtype), " but the result is ", name(expected),
                   ". Give out that dtype.");
  });
  each_tensor(inputs, [&](Tensor& input) { check_apart(input, out, op); });
}

void check_writable(PyObject* input, const char* op) {
  Tensor& t = need_tensor(op, "input", input);
  check_inplace(t.batched ? *batch_in(t).value : t, op);
}

}  // namespace flambeau
