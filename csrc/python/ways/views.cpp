// Views of what is given in several forms: a dtype for sizes, a tensor for an int.
#include "dispatch/shapes.h"

#include "python/bind.h"

namespace flambeau {

namespace {

TensorRef view_of(Called op, Tensor& t, Rest size, std::optional<DType> dtype) {
  if (!dtype && size.n == 1 && (is_dtype(size.items[0]) || PyType_Check(size.items[0])))
    dtype = to_dtype_value(size.items[0], op);
  return dtype ? view_dtype(t, *dtype) : view(t, to_dims(size, op));
}

TensorRef narrow_from(Called op, Tensor& t, int64_t dim, PyObject* start, int64_t length) {
  if (is_tensor(start)) {
    Tensor& at = *as_tensor(start);
    check(
        at.ndim == 0 && !is_floating(at.dtype) && !is_complex(at.dtype) && at.dtype != DType::bool_,
        [&] {
          return message("narrow: start is ", describe(at),
                         "; it must be an int or a 0-dim integer tensor.");
        });
  }
  return narrow(t, dim, to_integer(start, op), length);
}

std::vector<TensorRef> split_by(Called op, Tensor& t, PyObject* sizes, int64_t dim) {
  return PyIndex_Check(sizes) ? split_evenly(t, to_integer(sizes, op), dim)
                              : split(t, to_integers(sizes, op), dim);
}

const NativeEntry entries[] = {
    method(bind<view_of>("view", "input, *size, dtype=None",
                         "The same memory with other sizes, or seen as another dtype.")),
    both(bind<narrow_from>("narrow", "input, dim, start, length",
                           "A view of `length` indices of dim from `start` on.")),
    both(bind<split_by>("split", "tensor, split_size_or_sections, dim=0 -> tuple",
                        "A tuple of views of consecutive parts of dim.")),
    {}};

const Functions functions(entries), typed(entries_of<view_functions>.data());

}  // namespace

}  // namespace flambeau
