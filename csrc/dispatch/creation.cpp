#include "dispatch/creation.h"

#include "autograd/assign.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/numbers.h"
#include "runtime/cuda.h"
#include "tensor/objects.h"
#include "tensor/sparse.h"

namespace flambeau {

TensorRef as_asked(TensorRef made, const Options& o) {
  if (o.pinned) made = call_bound("pinned", {made.py()});
  if (o.requires_grad) set_requires_grad(*made, true);
  return made;
}

void refuse_layout(const Options& o, const char* op) {
  check<NotImplementedError>(!o.layout,
                             [&] { return message(op, ": layout must be torch.strided here."); });
}

void check_pinned(const Options& o, const char* op) {
  check(!o.pinned || cuda::device_count() > 0,
        [&] { return message(op, ": pin_memory=True needs an accelerator, and there is none."); });
}

TensorRef wrap_memory(void* data, int64_t nbytes, PyObject* owner, DType dtype, const Dims& sizes,
                      const Dims& strides, int64_t offset) {
  Storage* s = wrap_storage(data, nbytes, owner);
  TensorRef t = make_tensor(s, dtype, sizes, strides, offset);
  release(s);
  return t;
}

TensorRef take_out(Tensor& out, const Dims& sizes, const Options& o, const char* op) {
  check(!o.layout, [&] { return message(op, ": takes out= or layout=, not both."); });
  check<TypeError>(!o.pinned,
                   [&] { return message(op, ": takes out= or pin_memory=True, not both."); });
  check(!o.has_dtype || o.dtype == out.dtype, [&] {
    return message(op, ": dtype is ", name(o.dtype), " but out is ", name(out.dtype),
                   ". Leave dtype away, or give out that dtype.");
  });
  check_no_inference(out, op);
  check(!grad_mode_enabled || !requires_grad(out), [&] {
    return message(op,
                   ": autograd does not record writes to out=, and out requires grad. Detach it.");
  });
  if (!(sizes_of(out) == sizes)) resize_to(out, sizes, contiguous_strides(sizes));
  check_written_once(out, op);
  out.bump_version(op);
  return TensorRef::borrow(&out);
}

/// With channels_last dimension 1 is the innermost in memory.
static TensorRef in_order(const Dims& sizes, const Options& o, Format format) {
  if (!is_channels_last(format)) return empty(sizes, o.dtype, o.device);
  return empty_strided(sizes, channels_last_strides(sizes, format, "empty"), o.dtype, o.device);
}

TensorRef new_tensor(Called op, const Dims& sizes, Tensor* out, const Options& o, Format format) {
  for (int d = 0; d < sizes.n; ++d)
    check(sizes[d] >= 0,
          [&] { return message(op, ": sizes ", to_string(sizes), " are not all 0 or more."); });
  return out ? take_out(*out, sizes, o, op) : as_asked(in_order(sizes, o, format), o);
}

TensorRef new_tensor_like(const Tensor& t, Options o, Format format) {
  const bool as_input = format == Format::unsaid || format == Format::preserve;
  return as_asked(as_input ? empty_like(t, o.dtype, o.device) : in_order(sizes_of(t), o, format),
                  o);
}

TensorRef new_strided(Called op, const Dims& sizes, const Dims& strides, const Options& o) {
  refuse_layout(o, op);
  check(sizes.n == strides.n, [&] {
    return message(op, ": ", sizes.n, " sizes but ", strides.n,
                   " strides. Give one stride for each size.");
  });
  for (int d = 0; d < sizes.n; ++d)
    check(sizes[d] >= 0 && strides[d] >= 0, [&] {
      return message(op, ": sizes ", to_string(sizes), " and strides ", to_string(strides),
                     " must all be 0 or more.");
    });
  return as_asked(empty_strided(sizes, strides, o.dtype, o.device), o);
}

static TensorRef sparse_as_asked(const Dims& sizes, const Options& o, const char* op) {
  check<NotImplementedError>(
      !o.pinned, [&] { return message(op, ": pin_memory=True takes a strided layout."); });
  auto text = [](const char* t) { return owned(PyUnicode_FromString(t)); };
  return call_bound("sparse_factory",
                    {text(op).get(), tuple_of_integers(sizes.v, sizes.n).get(), o.layout,
                     text(name(o.dtype)).get(), text(to_string(o.device).c_str()).get(),
                     o.requires_grad ? Py_True : Py_False});
}

TensorRef empty_of(Called op, const RestDims& size, Tensor* out, const Options& o, Format format) {
  check<TypeError>(size.given, [&] {
    return message(op, ": the argument 'size' is missing; () is a tensor of no dimensions.");
  });
  return o.layout && !out ? sparse_as_asked(size, o, op) : new_tensor(op, size, out, o, format);
}
TensorRef empty_as(Called op, Tensor& t, Options o, Format format) {
  o.take_missing(t);
  return o.layout ? sparse_as_asked(sizes_of(t), o, op) : new_tensor_like(t, o, format);
}

static TensorRef filled(TensorRef t, int value) {
  if (!is_sparse(*t)) fill_bytes(*t, value);
  return t;
}
template <int value>
TensorRef filled_of(Called op, const RestDims& size, Tensor* out, const Options& o) {
  if (value) refuse_layout(o, op);
  return filled(empty_of(op, size, out, o, Format::unsaid), value);
}
template <int value>
TensorRef filled_as(Called op, Tensor& t, const Options& o, Format format) {
  if (value) refuse_layout(o, op);
  return filled(empty_as(op, t, o, format), value);
}
template TensorRef filled_of<0>(Called, const RestDims&, Tensor*, const Options&);
template TensorRef filled_of<1>(Called, const RestDims&, Tensor*, const Options&);
template TensorRef filled_as<0>(Called, Tensor&, const Options&, Format);
template TensorRef filled_as<1>(Called, Tensor&, const Options&, Format);

TensorRef full(Called op, const SequenceDims& sizes, PyObject* value, Tensor* out, Options o) {
  refuse_layout(o, op);
  Object number = Object::borrow(value);
  if (is_tensor(value)) {
    const Tensor& t = *as_tensor(value);
    check<TypeError>(t.ndim == 0, [&] {
      return message(op,
                     ": fill_value must be a number or a tensor of no dimensions, not of shape ",
                     shape(t), ".");
    });
    number = Object::steal(number_of(t, op));
    if (!o.has_dtype) o.dtype = t.dtype, o.has_dtype = true;
  }
  check<TypeError>(is_number(number.get()), [&] {
    return message(op, ": fill_value must be a number, not ", Py_TYPE(value)->tp_name, ".");
  });
  // Of halves too, as in PyTorch, where a tensor of complex numbers would be complex32.
  const DType own = PyComplex_Check(number.get()) && default_dtype != DType::float64
                        ? DType::complex64
                        : number_dtype(number.get());
  TensorRef t = out ? take_out(*out, sizes, o, op)
                    : as_asked(empty(sizes, o.has_dtype ? o.dtype : own, o.device), o);
  fill_number(*t, number.get(), op);
  return t;
}

}  // namespace flambeau
