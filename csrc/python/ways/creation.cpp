// New tensors: from sizes, from Python data, from foreign memory.
#include "autograd/assign.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/memory_format.h"
#include "dispatch/pointwise.h"
#include "python/bind.h"
#include "python/tensor/from_data.h"
#include "runtime/cuda.h"
#include "runtime/program.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------ from sizes

/// dtype, layout, device, requires_grad, pin_memory and names: how a new tensor is to be.
struct Options {
  DType dtype = default_dtype;
  bool has_dtype = false, has_device = false;
  Device device = other_devices ? default_device : on_cpu;
  bool requires_grad = false, pinned = false;
  PyObject* layout = nullptr;  // one that is not strided

  void read_dtype(const Args& a, int i) {
    if (!a.given(i)) return;
    dtype = to_dtype_value(a[i], a.function());
    has_dtype = true;
  }
  void read_device(const Args& a, int i) {
    if (!a.given(i)) return;
    device = to_device_value(a[i], a.function());
    has_device = true;
  }
  void read_flags(const Args& a, int i) {
    requires_grad = a.given(i) && a.flag(i);
    pinned = a.given(i + 1) && a.flag(i + 1);
    check(!pinned || cuda::device_count() > 0, [&] {
      return message(a.function(), ": pin_memory=True needs an accelerator, and there is none.");
    });
  }
  /// Raises for names=, and for a layout that nothing is made in.
  void read_layout(const Args& a, int i, const char* key) {
    if (!a.given(i)) return;
    Object text = owned(PyObject_Str(a[i]));
    std::string_view name = text_of(text.get());
    if (name.find("strided") != name.npos) return;
    check<NotImplementedError>(key[0] == 'l' && name.find("sparse") != name.npos, [&] {
      return message(a.function(), ": ", key, "=", name, " is not supported.");
    });
    layout = a[i];
  }
};

}  // namespace

template <>
struct Argument<Options> {
  static constexpr int count = 6;
  static Options read(Reader& r) {
    Options o;
    o.read_dtype(r.args, r.at);
    o.read_layout(r.args, r.at + 1, "layout");
    o.read_device(r.args, r.at + 2);
    o.read_flags(r.args, r.at + 3);
    o.read_layout(r.args, r.at + 5, "names");
    r.at += count;
    return o;
  }
};

namespace {

/// Uninitialised; with channels_last dimension 1 is the innermost in memory.
TensorRef empty_as_asked(const Dims& sizes, const Options& o, Format format) {
  if (!is_channels_last(format)) return empty(sizes, o.dtype, o.device);
  return empty_strided(sizes, channels_last_strides(sizes, format, "empty"), o.dtype, o.device);
}

/// Of a sparse layout; only what has no entries is made.
TensorRef sparse_as_asked(const Dims& sizes, const Options& o, const char* function) {
  check<NotImplementedError>(
      !o.pinned, [&] { return message(function, ": pin_memory=True takes a strided layout."); });
  Object name = Object::steal(PyUnicode_FromString(function));
  Object size = Object::steal(make_size(sizes.v, sizes.n));
  if (!name || !size) throw PythonError();
  return call_bound("sparse_factory",
                    {name.get(), size.get(), o.layout, dtype_object(o.dtype),
                     device_object(o.device), o.requires_grad ? Py_True : Py_False});
}

TensorRef finish(TensorRef t, const Options& o) {
  if (o.pinned) t = call_bound("pinned", {t.py()});
  if (o.requires_grad) set_requires_grad(*t, true);
  return t;
}

/// out=, with these sizes; what it holds is to be overwritten.
TensorRef take_out(Tensor* out, const Dims& dims, const Options& o, const char* function) {
  check(!o.layout, [&] { return message(function, ": takes out= or layout=, not both."); });
  check<TypeError>(!o.pinned,
                   [&] { return message(function, ": takes out= or pin_memory=True, not both."); });
  check(!o.has_dtype || o.dtype == out->dtype, [&] {
    return message(function, ": dtype is ", name(o.dtype), " but out is ", name(out->dtype),
                   ". Leave dtype away, or give out that dtype.");
  });
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

TensorRef empty_of(Called op, Rest size, Tensor* out, const Options& o, Format format) {
  check<TypeError>(size.items != nullptr, [&] {
    return message(op, ": the argument 'size' is missing; () is a tensor of no dimensions.");
  });
  check<TypeError>(!size.by_name || !PyLong_Check(size.items[0]), [&] {
    return message(op, ": size must be a tuple of ints, not ", Py_TYPE(size.items[0])->tp_name,
                   ".");
  });
  Dims dims = to_dims(size, op);
  for (int d = 0; d < dims.n; ++d)
    check(dims[d] >= 0,
          [&] { return message(op, ": sizes ", to_string(dims), " are not all 0 or more."); });
  if (out) return take_out(out, dims, o, op);
  return o.layout ? sparse_as_asked(dims, o, op) : finish(empty_as_asked(dims, o, format), o);
}
void refuse_layout(const Options& o, const char* op) {
  check<NotImplementedError>(!o.layout,
                             [&] { return message(op, ": layout must be torch.strided here."); });
}
TensorRef filled(TensorRef t, double value) {
  if (!is_sparse(*t)) fill_bytes(*t, value);
  return t;
}
TensorRef zeros_of(Called op, Rest size, Tensor* out, const Options& o) {
  return filled(empty_of(op, size, out, o, Format::unsaid), 0);
}
TensorRef ones_of(Called op, Rest size, Tensor* out, const Options& o) {
  refuse_layout(o, op);
  return filled(empty_of(op, size, out, o, Format::unsaid), 1);
}

/// A call of sizes by position alone, as most are: options are asked for by name.
template <auto of>
PyObject* py_sized(const Call& call) {
  if (call.names) return call_bound_function<of>(call);
  const Called op{call.function()};
  const Rest size{call.n ? call.args : nullptr, call.n, false};
  if constexpr (std::is_invocable_v<decltype(of), Called, Rest, Tensor*, Options, Format>)
    return of(op, size, nullptr, Options(), Format::unsaid).release_py();
  else
    return of(op, size, nullptr, Options()).release_py();
}
template <auto of>
consteval NativeEntry sized(const char* name, const char* signature, const char* doc) {
  NativeEntry entry = bind<of>(name, signature, doc);
  entry.function = py_sized<of>;
  return entry;
}

TensorRef full(Called op, PyObject* size, PyObject* value, Tensor* out, Options o) {
  refuse_layout(o, op);
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
  Dims dims = to_dims(size, op);
  // Of halves too, as in PyTorch, where a tensor of complex numbers would be complex32.
  DType own = PyComplex_Check(number.get()) && default_dtype != DType::float64
                  ? DType::complex64
                  : number_dtype(number.get());
  TensorRef t = out ? take_out(out, dims, o, op)
                    : finish(empty(dims, o.has_dtype ? o.dtype : own, o.device), o);
  fill_number(*t, number.get(), op);
  return t;
}

TensorRef empty_as(Called op, Tensor& t, Options o, Format format) {
  if (!o.has_dtype) o.dtype = t.dtype;
  if (!o.has_device) o.device = t.device();
  if (o.layout) return sparse_as_asked(sizes_of(t), o, op);
  bool as_input = format == Format::unsaid || format == Format::preserve;
  return finish(
      as_input ? empty_like(t, o.dtype, o.device) : empty_as_asked(sizes_of(t), o, format), o);
}
TensorRef zeros_as(Called op, Tensor& t, const Options& o, Format format) {
  return filled(empty_as(op, t, o, format), 0);
}
TensorRef ones_as(Called op, Tensor& t, const Options& o, Format format) {
  refuse_layout(o, op);
  return filled(empty_as(op, t, o, format), 1);
}

TensorRef empty_with_strides(Called op, const Dims& sizes, const Dims& strides, const Options& o) {
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
  return finish(empty_strided(sizes, strides, o.dtype, o.device), o);
}

// -------------------------------------------------------------------- from memory and Python data

TensorRef from_array(PyObject* array) {
  check<TypeError>(is_array(array), [&] {
    return message("from_numpy: expected a NumPy array, not ", Py_TYPE(array)->tp_name,
                   ". as_tensor takes other objects too.");
  });
  return share_buffer(array, "from_numpy");
}

/// A tensor over memory that owner keeps alive.
TensorRef wrap_memory(PyObject* address, int64_t nbytes, PyObject* owner, DType dtype,
                      const Dims& sizes, const Dims& strides, int64_t offset) {
  void* data = PyLong_AsVoidPtr(address);
  if (!data && PyErr_Occurred()) throw PythonError();
  Storage* s = wrap_storage(data, nbytes, owner);
  TensorRef t = make_tensor(s, dtype, sizes, strides, offset);
  release(s);
  return t;
}

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
  Args a(call);
  PyObject* data = a[0];
  Options o;
  o.read_dtype(a, 1);
  o.read_device(a, 2);
  o.read_flags(a, 3);
  if (is_tensor(data))
    warn(
        "To copy construct from a tensor, write data.detach().clone(), with requires_grad_() "
        "where needed: tensor() drops its history without a word.");
  return finish(from_data_on(o.has_device, o.device, data, o.has_dtype, o.dtype, true, "tensor"), o)
      .release_py();
}

PyObject* py_as_tensor(const Call& call) {
  Args a(call);
  Options o;
  o.read_dtype(a, 1);
  o.read_device(a, 2);
  return from_data_on(o.has_device, o.device, a[0], o.has_dtype, o.dtype, false, "as_tensor")
      .release_py();
}

PyTypeObject* tensor_class(const char* op, PyObject* cls) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  check<TypeError>(PyType_Check(cls) && PyType_IsSubtype(type, tensor_type),
                   [&] { return message(op, ": cls must derive from Tensor."); });
  return type;
}
/// data's memory as an instance of a Tensor subclass; its older name of requires_grad is another.
TensorRef make_subclass(Called op, PyObject* cls, Tensor& data, bool requires_grad,
                        bool require_grad) {
  TensorRef t = retype(data, tensor_class(op, cls));
  if (requires_grad || require_grad) set_requires_grad(*t, true);
  return t;
}

const NativeEntry entries[] = {
    function(
        sized<empty_of>("empty",
                        "*size, out=None, dtype=None, layout=None, device=None, "
                        "requires_grad=False, pin_memory=False, names=None, memory_format=None",
                        "An uninitialised tensor of the given sizes.")),
    function(sized<zeros_of>("zeros",
                             "*size, out=None, dtype=None, layout=None, device=None, "
                             "requires_grad=False, pin_memory=False, names=None",
                             "A tensor of zeros of the given sizes.")),
    function(sized<ones_of>("ones",
                            "*size, out=None, dtype=None, layout=None, device=None, "
                            "requires_grad=False, pin_memory=False, names=None",
                            "A tensor of ones of the given sizes.")),
    function(bind<full>("full",
                        "size, fill_value, *, out=None, dtype=None, layout=None, device=None, "
                        "requires_grad=False, pin_memory=False, names=None",
                        "A tensor of the given sizes filled with one value.")),
    function(bind<empty_as>("empty_like",
                            "input, *, dtype=None, layout=None, device=None, requires_grad=False, "
                            "pin_memory=False, names=None, memory_format=None",
                            "An uninitialised tensor of input's sizes and dtype.")),
    function(bind<zeros_as>("zeros_like",
                            "input, *, dtype=None, layout=None, device=None, requires_grad=False, "
                            "pin_memory=False, names=None, memory_format=None",
                            "Zeros of input's sizes and dtype.")),
    function(bind<ones_as>("ones_like",
                           "input, *, dtype=None, layout=None, device=None, requires_grad=False, "
                           "pin_memory=False, names=None, memory_format=None",
                           "Ones of input's sizes and dtype.")),
    function(bind<empty_with_strides>(
        "empty_strided",
        "size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, "
        "pin_memory=False, names=None",
        "An uninitialised tensor of the given sizes and strides.")),
    function({"tensor", "data, *, dtype=None, device=None, requires_grad=False, pin_memory=False",
              py_tensor, "A new tensor with a copy of data: numbers, nested sequences, arrays.",
              Mixing::all}),
    function({"as_tensor", "data, dtype=None, device=None", py_as_tensor,
              "data as a tensor, without a copy where that is possible.", Mixing::all}),
    function(bind<from_array>(
        "from_numpy", "ndarray",
        "A tensor over the memory of a NumPy array; both see each other's writes.")),
    bind<is_array_scalar>("_is_array_scalar", "object"),
    bind<wrap_memory>("_wrap_memory", "address, nbytes, owner, dtype, size, stride, offset=0"),
    bind<[](Called op, Tensor& data, PyObject* cls) {
      return as_subclass(data, tensor_class(op, cls));
    }>("_as_subclass", "data, cls", "A view of a tensor as an instance of a subclass."),
    bind<make_subclass>("_make_subclass", "cls, data, requires_grad=False, require_grad=False"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
