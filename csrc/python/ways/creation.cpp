// New tensors: from sizes, from Python data, from foreign memory.
#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/memory_format.h"
#include "dispatch/pointwise.h"
#include "python/args.h"
#include "python/tensor/from_data.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------ from sizes

struct Options {
  DType dtype = default_dtype;
  bool has_dtype = false;
  bool requires_grad = false;
  bool has_device = false;
  Device device = other_devices ? default_device : on_cpu;
  Tensor* out = nullptr;
  PyObject* layout = nullptr;  // one that is not strided
  Format format = Format::unsaid;
};

/// Reads dtype=, device=, requires_grad= ...; what is not an option is left to `rest` (name,
/// value).
template <class Rest>
Options read_options(const Call& call, const char* function, Rest&& rest, bool any_layout = false) {
  Options o;
  for (Py_ssize_t k = 0; k < call.n_named(); ++k) {
    PyObject* value = call.args[call.n + k];
    const char* key = text_of(PyTuple_GET_ITEM(call.names, k));
    if (rest(key, value)) continue;
    if (strcmp(key, "dtype") == 0) {
      if (value == Py_None) continue;
      o.dtype = to_dtype_value(value, function);
      o.has_dtype = true;
    } else if (strcmp(key, "device") == 0) {
      if (value == Py_None) continue;
      o.device = to_device_value(value, function);
      o.has_device = true;
    } else if (strcmp(key, "requires_grad") == 0) {
      o.requires_grad = value != Py_None && flag_of(value, function, key);
    } else if (strcmp(key, "out") == 0) {
      if (value == Py_None) continue;
      check<TypeError>(is_tensor(value), [&] {
        return message(function, ": out must be a Tensor, not ", Py_TYPE(value)->tp_name, ".");
      });
      o.out = as_tensor(value);
    } else if (strcmp(key, "pin_memory") == 0) {
      check(value == Py_None || !flag_of(value, function, key), [&] {
        return message(function, ": pin_memory=True needs an accelerator, and there is none.");
      });
    } else if (strcmp(key, "memory_format") == 0) {
      o.format = to_format(value, function);
    } else if (strcmp(key, "layout") == 0 || strcmp(key, "names") == 0) {
      if (value == Py_None) continue;
      Object text = Object::steal(PyObject_Str(value));
      if (!text) throw PythonError();
      const char* s = text_of(text.get());
      if (strstr(s, "strided")) continue;
      check<NotImplementedError>(any_layout && strstr(s, "sparse") && key[0] == 'l', [&] {
        return message(function, "(): ", key, "=", s, " is not supported.");
      });
      o.layout = value;
    } else {
      throw TypeError(message(function, ": has no argument '", key, "'."));
    }
  }
  return o;
}

/// Uninitialised; with channels_last dimension 1 is the innermost in memory.
TensorRef empty_as_asked(const Dims& sizes, DType dtype, const Options& o) {
  if (!is_channels_last(o.format)) return empty(sizes, dtype, o.device);
  return empty_strided(sizes, channels_last_strides(sizes, o.format, "empty"), dtype, o.device);
}

/// Of a sparse layout; only what has no entries is made.
TensorRef sparse_as_asked(const Dims& sizes, const Options& o, const char* function) {
  check<TypeError>(!o.out, [&] { return message(function, ": takes layout= or out=, not both."); });
  Object name = Object::steal(PyUnicode_FromString(function));
  Object size = Object::steal(make_size(sizes.v, sizes.n));
  if (!name || !size) throw PythonError();
  return call_bound("sparse_factory",
                    {name.get(), size.get(), o.layout, dtype_object(o.dtype),
                     device_object(o.device), o.requires_grad ? Py_True : Py_False});
}

TensorRef finish(TensorRef t, const Options& o) {
  if (o.requires_grad) mark_requires_grad(*t, true);
  return t;
}

void refuse_out(const Options& o, const char* function) {
  check<TypeError>(!o.out, [&] { return message(function, ": has no argument 'out'."); });
}

/// out=, with these sizes; what it holds is to be overwritten.
TensorRef take_out(Tensor* out, const Dims& dims, const char* function) {
  check_no_inference(*out, function);
  check(!grad_mode_enabled || !requires_grad(*out), [&] {
    return message(function,
                   ": autograd does not record writes to out=, and out requires grad. Detach it.");
  });
  if (!(sizes_of(*out) == dims)) resize_to(*out, dims, contiguous_strides(dims));
  check_written_once(*out, function);
  out->bump_version(function);
  return TensorRef::borrow(out);
}

TensorRef sized(const Call& call, const char* function) {
  PyObject* size = nullptr;
  check<TypeError>(call.n + call.n_named() > 0, [&] {
    return message(function, ": the argument 'size' is missing; () is a tensor of no dimensions.");
  });
  Options o = read_options(
      call, function,
      [&](const char* key, PyObject* value) {
        if (strcmp(key, "size") != 0) return false;
        check<TypeError>(!PyLong_Check(value), [&] {
          return message(function, ": size must be a tuple of ints, not ", Py_TYPE(value)->tp_name,
                         ".");
        });
        size = value;
        return true;
      },
      true);
  Dims dims =
      size ? to_dims(size, function) : rest_as_dims(Call{call.args, call.n, nullptr, call.self}, 0);
  for (int d = 0; d < dims.n; ++d)
    check(dims[d] >= 0, [&] {
      return message(function, ": sizes ", to_string(dims), " are not all 0 or more.");
    });
  if (o.layout) return sparse_as_asked(dims, o, function);
  if (o.out) {
    check(!o.has_dtype || o.dtype == o.out->dtype, [&] {
      return message(function, ": dtype is ", name(o.dtype), " but out is ", name(o.out->dtype),
                     ". Leave dtype away, or give out that dtype.");
    });
    return take_out(o.out, dims, function);
  }
  return finish(empty_as_asked(dims, o.dtype, o), o);
}

PyObject* py_empty(const Call& call) { return sized(call, "empty").release_py(); }
PyObject* py_zeros(const Call& call) {
  TensorRef t = sized(call, "zeros");
  if (!is_sparse(*t)) fill_bytes(*t, 0);
  return t.release_py();
}
PyObject* py_ones(const Call& call) {
  TensorRef t = sized(call, "ones");
  fill_bytes(*t, 1);
  return t.release_py();
}

PyObject* py_full(const Call& call) {
  PyObject *size = call.n > 0 ? call.args[0] : nullptr,
           *value = call.n > 1 ? call.args[1] : nullptr;
  Options o = read_options(call, "full", [&](const char* key, PyObject* v) {
    if (strcmp(key, "size") == 0) return size = v, true;
    if (strcmp(key, "fill_value") == 0) return value = v, true;
    return false;
  });
  check<TypeError>(size && value, [] { return message("full: needs size and fill_value."); });
  Object number = Object::borrow(value);
  if (is_tensor(value)) {
    check<TypeError>(as_tensor(value)->ndim == 0, [&] {
      return message(
          "full: fill_value must be a number or a tensor of no dimensions, not of shape ",
          shape(*as_tensor(value)), ".");
    });
    number = Object::steal(number_of(*as_tensor(value), "full"));
    if (!o.has_dtype) o.dtype = as_tensor(value)->dtype, o.has_dtype = true;
  }
  check<TypeError>(is_number(number.get()), [&] {
    return message("full: fill_value must be a number, not ", Py_TYPE(value)->tp_name, ".");
  });
  check<TypeError>(!PyLong_Check(size), [&] {
    return message("full: size must be a tuple of ints, not ", Py_TYPE(size)->tp_name, ".");
  });
  Dims dims = to_dims(size, "full");
  // Of halves too, as in PyTorch, where a tensor of complex numbers would be complex32.
  DType own = PyComplex_Check(number.get()) && default_dtype != DType::float64
                  ? DType::complex64
                  : number_dtype(number.get());
  TensorRef t;
  if (o.out) {
    check(!o.has_dtype || o.dtype == o.out->dtype, [&] {
      return message("full: dtype is ", name(o.dtype), " but out is ", name(o.out->dtype),
                     ". Leave dtype away, or give out that dtype.");
    });
    t = take_out(o.out, dims, "full");
  } else {
    t = finish(empty(dims, o.has_dtype ? o.dtype : own, o.device), o);
  }
  fill_number(*t, number.get(), "full");
  return t.release_py();
}

TensorRef like(const Call& call, const char* function) {
  Call options{call.args + (call.n ? 1 : 0), 0, call.names, call.self};
  check<TypeError>(call.n == 1 && is_tensor(call.args[0]), [&] {
    return message(function, ": takes one Tensor to be like, by position.");
  });
  Tensor& t = *as_tensor(call.args[0]);
  Options o = read_options(options, function, [](const char*, PyObject*) { return false; }, true);
  refuse_out(o, function);
  DType dtype = o.has_dtype ? o.dtype : t.dtype;
  if (!o.has_device) o.device = t.device();
  if (o.layout) {
    o.dtype = dtype;
    return sparse_as_asked(sizes_of(t), o, function);
  }
  bool as_input = o.format == Format::unsaid || o.format == Format::preserve;
  return finish(as_input ? empty_like(t, dtype, o.device) : empty_as_asked(sizes_of(t), dtype, o),
                o);
}
PyObject* py_empty_like(const Call& call) { return like(call, "empty_like").release_py(); }
PyObject* py_zeros_like(const Call& call) {
  TensorRef t = like(call, "zeros_like");
  if (!is_sparse(*t)) fill_bytes(*t, 0);
  return t.release_py();
}
PyObject* py_ones_like(const Call& call) {
  TensorRef t = like(call, "ones_like");
  fill_bytes(*t, 1);
  return t.release_py();
}

PyObject* py_empty_strided(const Call& call) {
  check<TypeError>(call.n == 2, [] { return message("empty_strided() takes size and stride."); });
  Options o = read_options(call, "empty_strided", [](const char*, PyObject*) { return false; });
  refuse_out(o, "empty_strided");
  Dims sizes = to_dims(call.args[0], "empty_strided"),
       strides = to_dims(call.args[1], "empty_strided");
  check(sizes.n == strides.n, [&] {
    return message("empty_strided: ", sizes.n, " sizes but ", strides.n,
                   " strides. Give one stride for each size.");
  });
  for (int d = 0; d < sizes.n; ++d)
    check(sizes[d] >= 0 && strides[d] >= 0, [&] {
      return message("empty_strided: sizes ", to_string(sizes), " and strides ", to_string(strides),
                     " must all be 0 or more.");
    });
  return finish(empty_strided(sizes, strides, o.dtype, o.device), o).release_py();
}

// ------------------------------------------------------------------------------------ from foreign
// memory

PyObject* py_from_buffer(const Call& call) {
  Args a(call);
  check<TypeError>(is_array(a[0]), [&] {
    return message("from_numpy: expected a NumPy array, not ", Py_TYPE(a[0])->tp_name,
                   ". as_tensor takes other objects too.");
  });
  return share_buffer(a[0], "from_numpy").release_py();
}

/// _wrap_memory(address, nbytes, owner, dtype, sizes, strides, offset): a tensor over memory that
/// owner keeps alive.
PyObject* py_wrap_memory(const Call& call) {
  Args a(call);
  void* address = PyLong_AsVoidPtr(a[0]);
  if (!address && PyErr_Occurred()) throw PythonError();
  int64_t nbytes = a.integer(1), offset = a.integer(6);
  DType dtype = to_dtype_value(a[3], "_wrap_memory");
  Dims sizes = to_dims(a[4], "_wrap_memory"), strides = to_dims(a[5], "_wrap_memory");
  Storage* s = wrap_storage(address, nbytes, a[2]);
  TensorRef t = make_tensor(s, dtype, sizes, strides, offset);
  release(s);
  return t.release_py();
}

// ------------------------------------------------------------------------------------ from Python
// data

/// from_data, brought to a device: the one named, or the default one. A tensor stays where it is if
/// that is the CPU.
TensorRef from_data_on(bool has_device, Device device, PyObject* data, bool has_dtype, DType dtype,
                       bool copy, const char* function) {
  DeviceScope scope(function, on_cpu);  // where the elements are read
  TensorRef made = from_data(data, has_dtype, dtype, copy, function);
  if (!has_device && is_tensor(data) && device == on_cpu) return made;
  return to_device(*made, device);
}

PyObject* py_tensor(const Call& call) {
  PyObject* data = call.n > 0 ? call.args[0] : nullptr;
  check<TypeError>(call.n <= 1, [] {
    return message("tensor: takes data by position; dtype, device and requires_grad go by name.");
  });
  Options o = read_options(call, "tensor", [&](const char* key, PyObject* v) {
    return strcmp(key, "data") == 0 ? data = v, true : false;
  });
  check<TypeError>(data != nullptr, [] { return message("tensor: argument 'data' is missing."); });
  if (is_tensor(data) &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "To copy construct from a tensor, write data.detach().clone(), with "
                   "requires_grad_() where needed: tensor() drops its history without a word.",
                   1) < 0)
    throw PythonError();
  return finish(from_data_on(o.has_device, o.device, data, o.has_dtype, o.dtype, true, "tensor"), o)
      .release_py();
}

PyObject* py_as_tensor(const Call& call) {
  PyObject* data = call.n > 0 ? call.args[0] : nullptr;
  if (call.n == 2 || call.n == 3) {
    check<TypeError>(is_dtype(call.args[1]) || call.args[1] == Py_None, [&] {
      return message("as_tensor: dtype must be a torch.dtype such as torch.float32, not ",
                     Py_TYPE(call.args[1])->tp_name, ".");
    });
  }
  Options o = read_options(call, "as_tensor", [&](const char* key, PyObject* v) {
    return strcmp(key, "data") == 0 ? data = v, true : false;
  });
  if (call.n >= 2 && is_dtype(call.args[1]))
    o.dtype = to_dtype_value(call.args[1], "as_tensor"), o.has_dtype = true;
  if (call.n >= 3 && call.args[2] != Py_None)
    o.device = to_device_value(call.args[2], "as_tensor"), o.has_device = true;
  check<TypeError>(data != nullptr,
                   [] { return message("as_tensor: argument 'data' is missing."); });
  return from_data_on(o.has_device, o.device, data, o.has_dtype, o.dtype, false, "as_tensor")
      .release_py();
}

/// _is_array_scalar(object): whether it is a NumPy scalar, of any kind.
PyObject* py_is_array_scalar(const Call& call) {
  return PyBool_FromLong(is_array_scalar(Args(call)[0]));
}

/// _make_subclass(cls, data, requires_grad=False): data's memory as an instance of a Tensor
/// subclass.
PyObject* py_make_subclass(const Call& call) {
  Args a(call);
  check<TypeError>(
      PyType_Check(a[0]) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(a[0]), tensor_type),
      [] { return message("_make_subclass: cls must derive from Tensor."); });
  TensorRef t = retype(a.tensor(1), reinterpret_cast<PyTypeObject*>(a[0]));
  if (a.truth(2) || a.truth(3)) mark_requires_grad(*t, true);
  return t.release_py();
}

/// _as_subclass(data, cls): a view of data as an instance of cls, Tensor or a subclass of it.
PyObject* py_as_subclass(const Call& call) {
  Args a(call);
  check<TypeError>(
      PyType_Check(a[1]) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(a[1]), tensor_type),
      [] { return message("as_subclass: cls must derive from Tensor."); });
  return as_subclass(a.tensor(0), reinterpret_cast<PyTypeObject*>(a[1])).release_py();
}

const NativeEntry entries[] = {
    function({"empty",
              "*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, "
              "pin_memory=False, memory_format=None",
              py_empty, "An uninitialised tensor of the given sizes."}),
    function({"zeros",
              "*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, "
              "pin_memory=False",
              py_zeros, "A tensor of zeros of the given sizes."}),
    function({"ones",
              "*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, "
              "pin_memory=False",
              py_ones, "A tensor of ones of the given sizes."}),
    function({"full",
              "size, fill_value, *, out=None, dtype=None, layout=None, device=None, "
              "requires_grad=False, "
              "pin_memory=False",
              py_full, "A tensor of the given sizes filled with one value."}),
    function(
        {"empty_like",
         "input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, "
         "memory_format=None",
         py_empty_like, "An uninitialised tensor of input's sizes and dtype."}),
    function(
        {"zeros_like",
         "input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, "
         "memory_format=None",
         py_zeros_like, "Zeros of input's sizes and dtype."}),
    function(
        {"ones_like",
         "input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, "
         "memory_format=None",
         py_ones_like, "Ones of input's sizes and dtype."}),
    function({"empty_strided",
              "size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, "
              "pin_memory=False",
              py_empty_strided, "An uninitialised tensor of the given sizes and strides."}),
    function({"tensor", "data, *, dtype=None, device=None, requires_grad=False, pin_memory=False",
              py_tensor, "A new tensor with a copy of data: numbers, nested sequences, arrays.",
              Mixing::all}),
    function({"as_tensor", "data, dtype=None, device=None", py_as_tensor,
              "data as a tensor, without a copy where that is possible.", Mixing::all}),
    function({"from_numpy", "ndarray", py_from_buffer,
              "A tensor over the memory of a NumPy array; both see each other's writes."}),
    {"_is_array_scalar", "object", py_is_array_scalar, "Whether an object is a NumPy scalar."},
    {"_wrap_memory", "address, nbytes, owner, dtype, size, stride, offset=0", py_wrap_memory,
     "A tensor over foreign memory."},
    {"_as_subclass", "data, cls", py_as_subclass,
     "A view of a tensor as an instance of a subclass."},
    {"_make_subclass", "cls, data, requires_grad=False, require_grad=False", py_make_subclass,
     "A tensor's memory as an instance of a subclass."},
    {}};

}  // namespace

void initialize_creation(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
