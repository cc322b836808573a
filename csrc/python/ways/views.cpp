// Views of what is given in several forms: sizes one by one or together, a dtype, a tensor for an
// int.
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

/// What a function takes as one sequence, where a method takes ints by position too.
Dims sequence_of(Called op, PyObject* given, const char* name) {
  check<TypeError>(!PyIndex_Check(given) || is_tensor(given), [&] {
    return message(op, ": ", name, " takes a sequence of ints, not one ", Py_TYPE(given)->tp_name,
                   ".");
  });
  return to_dims(given, op);
}

/// f(input, *sizes): of ints by position, as nearly all calls are, without the parser, which costs
/// a tenth of a view.
template <auto plain, auto general>
PyObject* call_of_sizes(const Call& call) {
  if (call.names || call.n < 2 || !is_tensor(call.args[0]))
    return call_bound_function<general>(call);
  Dims sizes;
  for (Py_ssize_t i = 1; i < call.n; ++i) {
    if (!PyLong_CheckExact(call.args[i])) return call_bound_function<general>(call);
    sizes.push(to_integer(call.args[i], call.function()));
  }
  return plain(*as_tensor(call.args[0]), sizes).release_py();
}
template <auto plain, auto general>
consteval NativeEntry of_sizes(const char* name, const char* signature, const char* doc) {
  return called_by(call_of_sizes<plain, general>, bind<general>(name, signature, doc));
}
template <auto fn>
TensorRef with_sizes(Tensor& t, const RestDims& sizes) {
  return fn(t, sizes);
}

const NativeEntry entries[] = {
    method(of_sizes<[](Tensor& t, const Dims& sizes) { return view(t, sizes); }, view_of>(
        "view", "input, *size, dtype=None",
        "The same memory with other sizes, or seen as another dtype.")),
    function(bind<[](Called op, Tensor& t, PyObject* shape) {
      return reshape(t, sequence_of(op, shape, "shape"));
    }>("reshape", "input, shape", "The same elements with other sizes; a view where possible.")),
    method(of_sizes<reshape, with_sizes<reshape>>(
        "reshape", "input, *shape", "The same elements with other sizes; a view where possible.")),
    method(of_sizes<expand, with_sizes<expand>>("expand", "input, *size",
                                                "A view with dimensions of size 1 repeated.")),
    function(bind<[](Called op, Tensor& t, PyObject* dims) {
      return permute(t, sequence_of(op, dims, "dims"));
    }>("permute", "input, dims", "A view with the dimensions in another order.")),
    method(of_sizes<permute, with_sizes<permute>>("permute", "input, *dims",
                                                  "A view with the dimensions in another order.")),
    both(bind<[](Called op, Tensor& t, PyObject* size, PyObject* stride,
                 std::optional<int64_t> offset) {
      return as_strided(t, sequence_of(op, size, "size"), sequence_of(op, stride, "stride"),
                        offset.value_or(t.offset));
    }>("as_strided", "input, size, stride, storage_offset=None",
       "A view with the given sizes, strides and storage offset.")),
    both(bind<narrow_from>("narrow", "input, dim, start, length",
                           "A view of `length` indices of dim from `start` on.")),
    both(bind<split_by>("split", "tensor, split_size_or_sections, dim=0 -> tuple",
                        "A tuple of views of consecutive parts of dim.")),
    {}};

const Functions functions(entries), typed(entries_of<view_functions>.data());

}  // namespace

}  // namespace flambeau
