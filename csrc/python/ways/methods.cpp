// Sizes and strides, item and tolist, copies and casts, and writing layouts in place.
#include <cmath>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/memory_format.h"
#include "dispatch/views.h"
#include "python/args.h"

namespace flambeau {

namespace {

PyObject* integers(const int64_t* values, int n) {
  PyObject* tuple = PyTuple_New(n);
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(values[i]));
  return tuple;
}

// ------------------------------------------------------------------------------------------------
// facts

PyObject* py_size(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (!a.given(1)) return make_size(t.sizes, t.ndim);
  check<IndexError>(t.ndim > 0,
                    [&] { return message("size: a 0-dim tensor has no dim ", a.integer(1), "."); });
  return PyLong_FromLongLong(t.sizes[wrap_dim(a.integer(1), t.ndim, "size")]);
}
PyObject* py_stride(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (!a.given(1)) return integers(t.strides, t.ndim);
  check<IndexError>(
      t.ndim > 0, [&] { return message("stride: a 0-dim tensor has no dim ", a.integer(1), "."); });
  return PyLong_FromLongLong(t.strides[wrap_dim(a.integer(1), t.ndim, "stride")]);
}
PyObject* py_dim(const Call& call) { return PyLong_FromLong(Args(call).tensor(0).ndim); }
PyObject* py_numel(const Call& call) { return PyLong_FromLongLong(Args(call).tensor(0).numel); }
PyObject* py_storage_offset(const Call& call) {
  return PyLong_FromLongLong(Args(call).tensor(0).offset);
}
PyObject* py_data_ptr(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  return PyLong_FromUnsignedLongLong(t.numel && !t.is_meta() ? reinterpret_cast<uint64_t>(t.data())
                                                             : 0);
}
PyObject* py_element_size(const Call& call) {
  return PyLong_FromLongLong(itemsize(Args(call).tensor(0).dtype));
}
PyObject* py_is_contiguous(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (!a.given(1)) return PyBool_FromLong(t.contiguous);
  Format format = to_format(a[1], "is_contiguous");
  check(format != Format::preserve, [] {
    return message("is_contiguous: preserve_format is not an order of memory; name one.");
  });
  return PyBool_FromLong(is_in_format(t, format));
}
PyObject* py_is_floating_point(const Call& call) {
  return PyBool_FromLong(is_floating(Args(call).tensor(0).dtype));
}
PyObject* py_is_complex(const Call& call) {
  return PyBool_FromLong(is_complex(Args(call).tensor(0).dtype));
}
PyObject* py_is_dense(const Call& call) { return PyBool_FromLong(is_dense(Args(call).tensor(0))); }

// ------------------------------------------------------------------------------------------ to
// Python

PyObject* py_item(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  check(t.numel == 1, [&] {
    return message("item: tensor ", shape(t), " has ", t.numel,
                   " elements; it gives the value of one. Use tolist() for all.");
  });
  return number_of(t, "item");
}

PyObject* to_list(const Tensor& t, int dim, const char* at) {
  if (dim == t.ndim) return load_number(at, t.dtype);
  check_room(t.sizes[dim] < INT64_MAX / 64 ? 64 * t.sizes[dim]
                                           : INT64_MAX);  // a list each, or more
  Object list = Object::steal(PyList_New(t.sizes[dim]));
  if (!list) throw PythonError();
  for (int64_t i = 0; i < t.sizes[dim]; ++i) {
    PyObject* item = to_list(t, dim + 1, at + i * t.strides[dim] * itemsize(t.dtype));
    if (!item) throw PythonError();
    PyList_SET_ITEM(list.get(), i, item);
  }
  return list.release();
}
PyObject* py_tolist(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  return to_list(t, 0, t.as<char>());
}

// ---------------------------------------------------------------------------------- copies and
// casts

PyObject* py_contiguous(const Call& call) {
  Args a(call);
  Format format = a.given(1) ? to_format(a[1], "contiguous") : Format::contiguous;
  check(format != Format::preserve,
        [] { return message("contiguous: preserve_format is not an order of memory; name one."); });
  return in_format(a.tensor(0), format, "contiguous").release_py();
}
PyObject* py_clone(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  Format format = a.given(1) ? to_format(a[1], "clone") : Format::preserve;
  if (format == Format::contiguous)
    return clone_with(t, contiguous_strides(sizes_of(t))).release_py();
  if (is_channels_last(format))
    return clone_with(t, channels_last_strides(sizes_of(t), format, "clone")).release_py();
  return clone(t).release_py();
}

/// _keep_format(result, input)
PyObject* py_keep_format(const Call& call) {
  Args a(call);
  Tensor& result = a.tensor(0);
  Format format = result.ndim == a.tensor(1).ndim ? format_shown(a.tensor(1)) : Format::contiguous;
  return is_channels_last(format) ? in_format(result, format, "_keep_format").release_py()
                                  : TensorRef::borrow(&result).release_py();
}

/// to(dtype), to(device), to(other), in any mixture; copy=True makes a copy anyway.
PyObject* py_to(const Call& call) {
  check<TypeError>(call.n >= 1 && is_tensor(call.args[0]),
                   [] { return message("to: input must be a Tensor."); });
  Tensor& t = *as_tensor(call.args[0]);
  DType dtype = t.dtype;
  Device device = t.device();
  bool copy = false;
  PyObject* format = nullptr;
  int flags = 0;
  for (Py_ssize_t i = 1; i < call.n + call.n_named(); ++i) {
    PyObject* o = call.args[i];
    const char* key = i >= call.n ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(call.names, i - call.n)) : "";
    if (strcmp(key, "copy") == 0) {
      copy = flag_of(o, "to", key);
    } else if (strcmp(key, "non_blocking") == 0) {
      flag_of(o, "to", key);
    } else if (strcmp(key, "memory_format") == 0) {
      format = o;
    } else if (o == Py_None) {
    } else if (is_dtype(o)) {
      dtype = to_dtype_value(o, "to");
    } else if (is_tensor(o)) {
      dtype = as_tensor(o)->dtype;
      device = as_tensor(o)->device();
    } else if (PyBool_Check(o)) {
      if (flags++ == 1) copy = o == Py_True;  // (non_blocking, copy) by position
    } else if (PyUnicode_Check(o) || is_device(o)) {
      device = to_device_value(o, "to");
    } else {
      dtype = to_dtype_value(o, "to");
    }
  }
  TensorRef out = dtype != t.dtype               ? to_dtype(t, dtype)
                  : copy && device == t.device() ? clone(t)
                                                 : TensorRef::borrow(&t);
  out = to_device(*out, device);
  Format wanted = to_format(format, "to");
  if (wanted == Format::contiguous || is_channels_last(wanted)) out = in_format(*out, wanted, "to");
  return out.release_py();
}

PyObject* py_copy_(const Call& call) {
  Args a(call);
  a.flag(2);
  Tensor& t = a.tensor(0);
  if (is_tensor(a[1])) {
    copy_(t, a.tensor(1));
  } else {
    check<TypeError>(is_number(a[1]), [&] {
      return message("copy_: source must be a Tensor or a number, not ", Py_TYPE(a[1])->tp_name,
                     ".");
    });
    TensorRef number = empty({}, number_dtype(a[1]));
    fill_number(*number, a[1]);
    copy_(t, *number);
  }
  return TensorRef::borrow(&t).release_py();
}

void fill_recorded(Tensor& t, PyObject* number, const char* op) {
  if (needs_record(t) || t.batched) {
    if (!t.batched) check_inplace(t, op);
    TensorRef value = empty({}, t.dtype);
    fill_number(*value, number, op);
    copy_(t, *value);
    return;
  }
  if (t.autograd || t.inference) check_inplace(t, op);
  fill_number(t, number, op);
  t.bump_version(op);
}

PyObject* py_fill_(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (is_tensor(a[1])) {
    check(a.tensor(1).ndim == 0, [&] {
      return message("fill_: value is a tensor of shape ", shape(a.tensor(1)),
                     "; it must be 0-dim.");
    });
    Tensor& value = a.tensor(1);
    if (value.dtype == t.dtype || requires_grad(value) || value.is_meta() || value.batched ||
        is_complex(value.dtype)) {
      copy_(t, value);
    } else {
      Object number = Object::steal(number_of(value, "fill_"));
      fill_recorded(t, number.get(), "fill_");
    }
  } else {
    check<TypeError>(is_number(a[1]), [&] {
      return message("fill_: value must be a number, not ", Py_TYPE(a[1])->tp_name, ".");
    });
    fill_recorded(t, a[1], "fill_");
  }
  return TensorRef::borrow(&t).release_py();
}
PyObject* py_zero_(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  Object zero = Object::steal(PyLong_FromLong(0));
  fill_recorded(t, zero.get(), "zero_");
  return TensorRef::borrow(&t).release_py();
}

// ------------------------------------------------------------------------------------- layout in
// place

PyObject* py_resize_(const Call& call) {
  Tensor& t = first_tensor(call);
  Call plain = call;
  Format format = Format::unsaid;
  if (plain.n_named() == 1 &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call.names, 0), "memory_format") == 0) {
    format = to_format(call.args[call.n], "resize_");
    plain.names = nullptr;
  }
  Dims sizes = rest_as_dims(plain, 1);
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
  return TensorRef::borrow(&t).release_py();
}
/// _take_layout(t, other): an in-place view operator (t_, squeeze_ ...): t becomes what other, a
/// view of it, shows.
PyObject* py_take_layout(const Call& call) {
  Args a(call);
  Tensor &t = a.tensor(0), &v = a.tensor(1);
  check_inplace(t, "in-place view");
  set_layout(t, sizes_of(v), strides_of(v), v.offset);
  t.bump_version("in-place view");
  if (Node* fn = v.autograd ? v.autograd->grad_fn.get() : nullptr) {
    t.requires_grad_leaf = false;
    set_history(t, fn, v.autograd->output_nr);
    if (t.autograd->base) t.autograd->view_version = t.version().value;
  }
  return TensorRef::borrow(&t).release_py();
}

const NativeEntry entries[] = {
    fact(method({"size", "input, dim=None -> tuple | int", py_size,
                 "The sizes, or the size of one dimension."})),
    fact(method({"stride", "input, dim=None -> tuple | int", py_stride,
                 "The strides in elements, or the stride of one dimension."})),
    fact(method({"dim", "input -> int", py_dim, "The number of dimensions."})),
    fact(both({"numel", "input -> int", py_numel, "The number of elements."})),
    fact(method({"storage_offset", "input -> int", py_storage_offset,
                 "Where in its storage the tensor begins, in elements."})),
    fact(method({"data_ptr", "input -> int", py_data_ptr,
                 "Where in memory the tensor begins, as a number."})),
    fact(method({"element_size", "input -> int", py_element_size, "Bytes to an element."})),
    fact(method({"is_contiguous", "input, memory_format=None -> bool", py_is_contiguous,
                 "Whether the elements lie in order without gaps."})),
    fact(both({"is_floating_point", "input -> bool", py_is_floating_point,
               "Whether the dtype is floating."})),
    fact(both({"is_complex", "input -> bool", py_is_complex, "Whether the dtype is complex."})),
    {"_is_dense", "input", py_is_dense,
     "Whether the elements fill their memory without gaps or repeats."},
    method({"item", "input -> bool | int | float | complex", py_item,
            "The only element as a Python number."}),
    method({"tolist", "input -> list", py_tolist, "Nested lists of Python numbers."}),
    method({"contiguous", "input, memory_format=None", py_contiguous,
            "The tensor itself if contiguous, else a copy that is."}),
    both({"clone", "input, *, memory_format=None", py_clone, "A copy, part of the graph."}),
    method({"to", "input, *args, non_blocking=False, copy=False, memory_format=None", py_to,
            "The tensor with another dtype or device; itself if nothing changes.", Mixing::all}),
    method({"copy_", "input, src, non_blocking=False", py_copy_,
            "Copies src into the tensor, broadcast and converted.", Mixing::all}),
    method({"fill_", "input, value", py_fill_, "Sets every element to value."}),
    method({"zero_", "input", py_zero_, "Sets every element to 0."}),
    method({"resize_", "input, *size, memory_format=None", py_resize_,
            "Other sizes in place; new elements are uninitialised."}),
    {"_keep_format", "result, input", py_keep_format,
     "A result in the channels-last order of an input, if it has one."},
    {"_take_layout", "input, view", py_take_layout,
     "The layout and history of a view of the tensor, in place."},
    {}};

}  // namespace

void initialize_methods(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
