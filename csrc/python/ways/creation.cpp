// New tensors: from sizes, from Python data, from foreign memory.
#include "dispatch/creation.h"
#include "autograd/assign.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/identity.h"
#include "python/bind.h"
#include "python/tensor/from_data.h"
#include "runtime/cuda.h"
#include "runtime/program.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------ from sizes

/// A layout that is not strided, or null. Raises for names=, and for one that nothing is made in.
PyObject* read_layout(Reader& r, const char* key) {
  PyObject* given = r.args[r.at++];
  if (given == Py_None) return nullptr;
  const bool is_layout = key[0] == 'l';
  check<TypeError>(
      !is_layout || PyObject_IsInstance(given, imported<"flambeau.types", "layout">()) == 1, [&] {
        return message(r.args.function(), ": layout must be a torch.layout, not ",
                       Py_TYPE(given)->tp_name, ".");
      });
  Object text = owned(PyObject_Str(given));
  std::string_view name = text_of(text.get());
  if (name.find("strided") != name.npos) return nullptr;
  check<NotImplementedError>(is_layout && name.find("sparse") != name.npos, [&] {
    return message(r.args.function(), ": ", key, "=", name, " is not supported.");
  });
  return given;
}

}  // namespace

template <>
struct Argument<Options> {
  static constexpr int count = 6;
  static Options read(Reader& r) {
    Options o;
    if (auto dtype = Argument<std::optional<DType>>::read(r)) o.take(*dtype);
    o.layout = read_layout(r, "layout");
    if (auto device = Argument<std::optional<Device>>::read(r)) o.take(*device);
    o.requires_grad = Argument<std::optional<Flag>>::read(r).value_or(Flag());
    o.pinned = Argument<std::optional<Flag>>::read(r).value_or(Flag());
    read_layout(r, "names");
    check_pinned(o, r.args.function());
    return o;
  }
};

namespace {

/// Of a sparse layout; only what has no entries is made.
TensorRef sparse_as_asked(const Dims& sizes, const Options& o, const char* function) {
  check<NotImplementedError>(
      !o.pinned, [&] { return message(function, ": pin_memory=True takes a strided layout."); });
  Object name = owned(PyUnicode_FromString(function)), size = owned(make_size(sizes.v, sizes.n));
  return call_bound("sparse_factory",
                    {name.get(), size.get(), o.layout, dtype_object(o.dtype),
                     device_object(o.device), o.requires_grad ? Py_True : Py_False});
}

void need_list(Called op, PyObject* size) {
  check<TypeError>(!PyLong_Check(size), [&] {
    return message(op, ": size must be a tuple of ints, not ", Py_TYPE(size)->tp_name, ".");
  });
}

TensorRef empty_of(Called op, Rest size, Tensor* out, const Options& o, Format format) {
  check<TypeError>(size.items != nullptr, [&] {
    return message(op, ": the argument 'size' is missing; () is a tensor of no dimensions.");
  });
  if (size.by_name) need_list(op, size.items[0]);
  const Dims dims = to_dims(size, op);
  return o.layout && !out ? sparse_as_asked(dims, o, op) : new_tensor(op, dims, out, o, format);
}
template <int value>
TensorRef filled(TensorRef t) {
  if (!is_sparse(*t)) fill_bytes(*t, value);
  return t;
}
/// zeros or ones
template <int value>
TensorRef filled_of(Called op, Rest size, Tensor* out, const Options& o) {
  if (value) refuse_layout(o, op);
  return filled<value>(empty_of(op, size, out, o, Format::unsaid));
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
  return function(called_by(py_sized<of>, bind<of>(name, signature, doc)));
}

TensorRef full_of(Called op, PyObject* size, PyObject* value, Tensor* out, const Options& o) {
  refuse_layout(o, op);
  need_list(op, size);
  return full(op, to_dims(size, op), value, out, o);
}

TensorRef empty_as(Called op, Tensor& t, Options o, Format format) {
  o.take_missing(t);
  return o.layout ? sparse_as_asked(sizes_of(t), o, op) : new_tensor_like(t, o, format);
}
template <int value>
TensorRef filled_as(Called op, Tensor& t, const Options& o, Format format) {
  if (value) refuse_layout(o, op);
  return filled<value>(empty_as(op, t, o, format));
}

template <auto of>
consteval NativeEntry like(const char* name, const char* doc) {
  return function(
      bind<of>(name, joined<"input, *, ", made_options, ", memory_format=None">.data(), doc));
}

// -------------------------------------------------------------------- from memory and Python data

TensorRef from_array(PyObject* array) {
  check<TypeError>(is_array(array), [&] {
    return message("from_numpy: expected a NumPy array, not ", Py_TYPE(array)->tp_name,
                   ". as_tensor takes other objects too.");
  });
  return share_buffer(array, "from_numpy");
}

/// from_data, brought to a device: the one named, or the default one. A tensor stays where it is if
/// that is the CPU.
TensorRef from_data_on(std::optional<Device> named, PyObject* data, std::optional<DType> dtype,
                       bool copy, const char* function) {
  DeviceScope scope(function, on_cpu);  // where the elements are read
  TensorRef made = from_data(data, dtype, copy, function);
  const Device device = named.value_or(Options().device);
  return !named && is_tensor(data) && device == on_cpu ? made : to_device(*made, device);
}

TensorRef copied_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device,
                      std::optional<Flag> requires_grad, std::optional<Flag> pinned) {
  if (is_tensor(data))
    warn(
        "To copy construct from a tensor, write data.detach().clone(), with requires_grad_() "
        "where needed: tensor() drops its history without a word.");
  TensorRef made = from_data_on(device, data, dtype, true, "tensor");
  Options o;
  o.requires_grad = requires_grad.value_or(Flag());
  o.pinned = pinned.value_or(Flag());
  check_pinned(o, "tensor");
  return as_asked(std::move(made), o);
}

TensorRef shared_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device) {
  return from_data_on(device, data, dtype, false, "as_tensor");
}

const NativeEntry entries[] = {
    sized<empty_of>("empty",
                    joined<"*size, out=None, ", made_options, ", memory_format=None">.data(),
                    "An uninitialised tensor of the given sizes."),
    sized<filled_of<0>>("zeros", joined<"*size, out=None, ", made_options>.data(),
                        "A tensor of zeros of the given sizes."),
    sized<filled_of<1>>("ones", joined<"*size, out=None, ", made_options>.data(),
                        "A tensor of ones of the given sizes."),
    function(bind<full_of>("full", joined<"size, fill_value, *, out=None, ", made_options>.data(),
                           "A tensor of the given sizes filled with one value.")),
    like<empty_as>("empty_like", "An uninitialised tensor of input's sizes and dtype."),
    like<filled_as<0>>("zeros_like", "Zeros of input's sizes and dtype."),
    like<filled_as<1>>("ones_like", "Ones of input's sizes and dtype."),
    function(bind<copied_data>(
        "tensor", "data, *, dtype=None, device=None, requires_grad=False, pin_memory=False",
        "A new tensor with a copy of data: numbers, nested sequences, arrays.", Mixing::all)),
    function(bind<shared_data>("as_tensor", "data, dtype=None, device=None",
                               "data as a tensor, without a copy where that is possible.",
                               Mixing::all)),
    function(bind<from_array>(
        "from_numpy", "ndarray",
        "A tensor over the memory of a NumPy array; both see each other's writes.")),
    {}};

const Functions functions(entries),
    typed(entries_of<creation_functions, identity_functions>.data());

}  // namespace

}  // namespace flambeau
