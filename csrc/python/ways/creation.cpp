// New tensors: the options that they are made by, and those from Python data and foreign memory.
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

/// A layout that is not strided, or null. Raises for names=, and for one that nothing is made in.
PyObject* read_layout(Reader& r, const char* key) {
  PyObject* given = r.next();
  if (given == Py_None) return nullptr;
  const bool is_layout = key[0] == 'l';
  check<TypeError>(
      !is_layout || PyObject_IsInstance(given, imported<"flambeau.types", "layout">()) == 1, [&] {
        return message(r.op(), ": layout must be a torch.layout, not ", Py_TYPE(given)->tp_name,
                       ".");
      });
  Object text = owned(PyObject_Str(given));
  std::string_view name = text_of(text.get());
  if (name.find("strided") != name.npos) return nullptr;
  check<NotImplementedError>(is_layout && name.find("sparse") != name.npos, [&] {
    return message(r.op(), ": ", key, "=", name, " is not supported.");
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
    check_pinned(o, r.op());
    return o;
  }
};

namespace {

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
  if (PyList_Check(data) && PyList_GET_SIZE(data) &&
      std::string_view(Py_TYPE(PyList_GET_ITEM(data, 0))->tp_name) == "numpy.ndarray") {
    std::string text = message(function,
                               ": a list of NumPy arrays is read number by number, which is slow. "
                               "Pass numpy.array(list), or stack() what from_numpy() gives.");
    warn_once("list of arrays", text);
  }
  TensorRef made = from_data(data, dtype, copy, function);
  const Device device = named.value_or(Options().device);
  return !named && is_tensor(data) && device == on_cpu ? made : to_device(*made, device);
}

TensorRef copied_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device,
                      Flag requires_grad, Flag pinned) {
  if (is_tensor(data))
    warn(
        "To copy construct from a tensor, write data.detach().clone(), with requires_grad_() "
        "where needed: tensor() drops its history without a word.");
  TensorRef made = from_data_on(device, data, dtype, true, "tensor");
  Options o;
  o.requires_grad = requires_grad;
  o.pinned = pinned;
  check_pinned(o, "tensor");
  return as_asked(std::move(made), o);
}

TensorRef shared_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device) {
  return from_data_on(device, data, dtype, false, "as_tensor");
}

const NativeEntry entries[] = {
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
