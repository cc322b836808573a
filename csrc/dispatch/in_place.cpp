#include "dispatch/in_place.h"

#include <utility>

#include "autograd/batch.h"
#include "autograd/borrowed.h"
#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/cuda_copy.h"
#include "dispatch/numbers.h"
#include "dispatch/promotion.h"

namespace flambeau {

/// One of the elements that an expansion repeats, for each: a view of t; t itself if it is none.
static TensorRef unexpanded(Tensor& t) {
  if (t.contiguous || t.batched || !t.autograd || !t.autograd->base) return TensorRef::borrow(&t);
  Dims sizes = sizes_of(t);
  for (int d = 0; d < sizes.n; ++d)
    if (t.strides[d] == 0 && sizes[d] > 1) sizes[d] = 1;
  if (sizes == sizes_of(t)) return TensorRef::borrow(&t);
  return as_strided(t, sizes, strides_of(t), t.offset);
}

static void fill_recorded(Tensor& t, PyObject* number, const char* op) {
  if (needs_record(t) || t.batched) {
    if (!t.batched) check_inplace(t, op);
    TensorRef value = empty({}, t.dtype);
    fill_number(*value, number, op);
    copy_(*unexpanded(t), *value);
    return;
  }
  if (t.autograd || t.inference) check_inplace(t, op);
  fill_number(t, number, op);
  t.bump_version(op);
}

Tensor& fill_(Tensor& t, PyObject* value) {
  if (is_tensor(value)) {
    Tensor& from = *as_tensor(value);
    check(from.ndim == 0, [&] {
      return message("fill_: value is a tensor of shape ", shape(from), "; it must be 0-dim.");
    });
    if (from.dtype == t.dtype || requires_grad(from) || from.is_meta() || from.batched ||
        is_complex(from.dtype)) {
      copy_(t, from);
    } else {
      Object number = Object::steal(number_of(from, "fill_"));
      fill_recorded(t, number.get(), "fill_");
    }
    return t;
  }
  check<TypeError>(is_number(value), [&] {
    return message("fill_: value must be a number, not ", Py_TYPE(value)->tp_name, ".");
  });
  fill_recorded(t, value, "fill_");
  return t;
}
Tensor& zero_(Tensor& t) {
  Object zero = Object::steal(PyLong_FromLong(0));
  fill_recorded(t, zero.get(), "zero_");
  return t;
}
Tensor& copy_from(Tensor& t, PyObject* source) {
  if (is_tensor(source)) {
    copy_(t, *as_tensor(source));
    return t;
  }
  check<TypeError>(is_number(source), [&] {
    return message("copy_: source must be a Tensor or a number, not ", Py_TYPE(source)->tp_name,
                   ".");
  });
  TensorRef number = empty({}, number_dtype(source));
  fill_number(*number, source);
  copy_(t, *number);
  return t;
}

Tensor& resize_(Tensor& t, const Dims& sizes, Format format) {
  check(!requires_grad(t) || (t.inference && inference_mode_enabled), [&] {
    return message("resize_: ", describe(t),
                   " requires grad, and autograd does not follow a resize. Use detach() first.");
  });
  for (int d = 0; d < sizes.n; ++d)
    check(sizes[d] >= 0,
          [&] { return message("resize_: sizes can't be negative: ", to_string(sizes), "."); });
  Dims strides = is_channels_last(format) ? channels_last_strides(sizes, format, "resize_")
                 : sizes_of(t) == sizes && format != Format::contiguous ? strides_of(t)
                                                                        : contiguous_strides(sizes);
  bool changes = !(sizes_of(t) == sizes);
  resize_to(t, sizes, strides);
  if (changes) t.bump_version("resize_");
  return t;
}

Tensor& take_layout(Tensor& t, Tensor& view) {
  if (t.batched) {  // what it stands for is the view's from now on
    batch_in(t) = batch_in(view);
    set_layout(t, sizes_of(view), strides_of(view), 0);
    return t;
  }
  check_inplace(t, "in-place view");
  set_layout(t, sizes_of(view), strides_of(view), view.offset);
  t.bump_version("in-place view");
  if (Node* fn = view.autograd ? view.autograd->grad_fn.get() : nullptr) {
    t.requires_grad_leaf = false;
    set_history(t, fn, view.autograd->output_nr);
    if (t.autograd->base) t.autograd->view_version = t.version().value;
  }
  return t;
}

Tensor& set_storage(Tensor& t, Tensor& source, int64_t offset, const Dims& sizes,
                    const Dims& strides, bool is_new) {
  check(sizes.n == strides.n, [&] {
    return message("set_: sizes ", to_string(sizes), " and strides ", to_string(strides),
                   " differ in length.");
  });
  int64_t need;
  if (__builtin_mul_overflow(reach(sizes, strides, offset, "set_"), itemsize(t.dtype), &need))
    throw_too_large(sizes);
  check<DeviceError>(source.device() == t.device(), [&] {
    return message("set_: the tensor is on ", to_string(t.device()), " and the source on ",
                   to_string(source.device()), ". They must be the same.");
  });
  check_inplace(t, "set_");
  check(!grad_mode_enabled || !requires_grad(t), [&] {
    return message("set_: this ", describe(t),
                   " is a result in the graph, and set_ has no derivative. Use detach() first.");
  });
  if (need > source.storage->nbytes) resize_storage(source.storage, need);
  retain(source.storage);
  Storage* old = std::exchange(t.storage, source.storage);
  set_layout(t, sizes, strides, offset);
  release(old);  // last: what owns foreign memory may run Python as it goes
  leave_base(t);
  if (!is_new) t.bump_version("set_");
  return t;
}

void resize_bytes(Tensor& t, int64_t nbytes) {
  check(nbytes >= 0, [&] { return message("resize_: a storage of ", nbytes, " bytes can't be."); });
  if (nbytes < t.storage->nbytes)
    shrink_storage(t.storage, nbytes);
  else
    resize_storage(t.storage, nbytes);
}

uint64_t lent_place(Tensor& t) {
  if (t.is_cuda()) return t.numel ? t.address() : 0;
  const bool has_bytes = t.numel && !t.is_meta();
  if (has_bytes) t.storage->lent = true;
  return has_bytes ? reinterpret_cast<uint64_t>(t.data()) : 0;
}

int place_of(const char* op, const Tensor& t, int64_t dim) {
  check<IndexError>(t.ndim > 0,
                    [&] { return message(op, ": a 0-dim tensor has no dim ", dim, "."); });
  return wrap_dim(dim, t.ndim, op);
}

Tensor& copy_into(Tensor& t, PyObject* source, Flag later) {
  NonBlocking copies(later);
  return copy_from(t, source);
}

}  // namespace flambeau
