// Attributes of Tensor: shape, dtype, grad, data ...
#include <functional>

#include "autograd/assign.h"
#include "dispatch/views.h"
#include "python/bind.h"
#include "python/tensor/type.h"

namespace flambeau {

namespace {

/// What has the history: of a batched tensor its value.
Tensor& followed(Tensor& t) { return t.batched ? *t.autograd->batch->value : t; }

void put_grad_fn(Tensor& t, PyObject* value) {
  check(value == Py_None, [] {
    return message("_grad_fn: operators set it. Assign None to take the tensor out of its graph.");
  });
  owned(PyObject_CallMethod(t.py(), "detach_", nullptr));
}
void put_hooks(Tensor& t, PyObject* value) {
  set_tensor_hooks(t, value == Py_None ? nullptr : value);
}
template <Object AutogradMeta::* table>
Object hooks_of(Tensor& t) {
  return Object::borrow(t.autograd && t.autograd->*table ? (t.autograd->*table).get() : Py_None);
}

/// What is assigned to the attribute `name`, null where that is to be deleted. Of a Tensor* None
/// and nothing are null.
template <class T>
T assigned(PyObject* value, const char* name) {
  constexpr bool or_none = std::is_same_v<T, Tensor*>;
  if constexpr (or_none)
    if (!value || value == Py_None) return nullptr;
  check(value != nullptr,
        [&] { return message(name, ": cannot be deleted. Assign another value."); });
  if constexpr (std::is_same_v<T, PyObject*>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    check(PyBool_Check(value), [&] { return message(name, ": takes True or False."); });
    return value == Py_True;
  } else {
    check<TypeError>(is_tensor(value), [&] {
      return message(name, ": takes a Tensor", or_none ? " or None" : "", ", not ",
                     Py_TYPE(value)->tp_name, ".");
    });
    if constexpr (or_none)
      return as_tensor(value);
    else
      return *as_tensor(value);
  }
}

/// Most attributes are no tensors: of a subclass that only inherits __torch_function__ they can be
/// read without asking it. What gives a tensor is to be of the tensor's own class.
bool asks(PyObject* o, bool gives_tensor) {
  if (!is_overridden(o)) return false;
  return gives_tensor || in_function_mode() || override_of(Py_TYPE(o)) == Override::own;
}

template <auto get, bool gives_tensor>
PyObject* read(PyObject* o, void* name) {
  if (asks(o, gives_tensor)) return call_getter_override(static_cast<const char*>(name), o);
  using Got = std::decay_t<std::invoke_result_t<decltype(get), Tensor&>>;
  return guarded([&] { return give_back(Got(std::invoke(get, self_of(o)))); });
}
template <auto put>
int write(PyObject* o, PyObject* value, void* context) {
  const char* name = static_cast<const char*>(context);
  if (asks(o, false)) return call_setter_override(name, o, value);
  return guarded([&] {
    [&]<class T>(void (*)(Tensor&, T)) { put(self_of(o), assigned<T>(value, name)); }(put);
    return 0;
  });
}

template <auto get, auto put = nullptr, bool gives_tensor = false>
constexpr PyGetSetDef attribute(const char* name, const char* doc) {
  setter written = nullptr;
  // By its type: with sanitizers comparing a function's address is no constant.
  if constexpr (!std::is_null_pointer_v<decltype(put)>) written = write<put>;
  return {name, read<get, gives_tensor>, written, doc, const_cast<char*>(name)};
}
template <auto get, auto put = nullptr>
constexpr PyGetSetDef tensor(const char* name, const char* doc) {
  return attribute<get, put, true>(name, doc);
}

PyObject* get_dict(PyObject* o, void* context) {
  PyObject* dict = PyObject_GenericGetDict(o, context);
  if (dict) watch(o);
  return dict;
}
int put_dict(PyObject* o, PyObject* value, void* context) {
  watch(o);
  return PyObject_GenericSetDict(o, value, context);
}

}  // namespace

PyGetSetDef tensor_attributes[] = {
    attribute<[](Tensor& t) { return make_size(t.sizes, t.ndim); }>(
        "shape", "The sizes of all dimensions, a torch.Size."),
    attribute<&Tensor::dtype>("dtype", "The type of the elements."),
    attribute<&Tensor::device>("device", "Where the bytes lie."),
    attribute<&Tensor::on_cpu>("is_cpu", "Whether it lies in the CPU's memory."),
    attribute<&Tensor::is_cuda>("is_cuda", "Whether it lies in the memory of a GPU."),
    attribute<&Tensor::is_meta>("is_meta", "Whether it lies on the meta device."),
    attribute<[](Tensor& t) { return int{t.ndim}; }>("ndim", "The number of dimensions."),
    attribute<[](Tensor& t) { return requires_grad(followed(t)); }, assign_requires_grad>(
        "requires_grad", "Whether gradients are computed for this tensor."),
    attribute<kept_grad, assign_grad>("grad",
                                      "The accumulated gradient, None before the first backward."),
    attribute<kept_grad, assign_grad>("_grad", "The accumulated gradient."),
    attribute<[](Tensor& t) { return grad_fn_of(followed(t)); }>(
        "grad_fn", "The node of the autograd graph that made this tensor, None for leaves."),
    attribute<[](Tensor& t) { return grad_fn_of(followed(t)); }, put_grad_fn>(
        "_grad_fn", "The same; read only."),
    attribute<[](Tensor& t) { return is_leaf(followed(t)); }>(
        "is_leaf", "True for tensors that no recorded operator made."),
    tensor<[](Tensor& t) { return t.batched ? detach(t) : data_of(t); }, assign_data>(
        "data", "The same memory without history and without version checks."),
    attribute<counted_writes>("_version", "Counts writes in place."),
    attribute<[](Tensor& t) { return t.autograd ? int64_t{t.autograd->output_nr} : 0; }>(
        "output_nr", "Which result of grad_fn this is."),
    attribute<base_of>("_base", "The tensor that this one is a view of, or None."),
    attribute<keeps_grad>("retains_grad", "Whether retain_grad() was called on a non-leaf."),
    attribute<hooks_of<&AutogradMeta::hooks>, put_hooks>("_backward_hooks",
                                                         "The dict of hooks, or None."),
    attribute<hooks_of<&AutogradMeta::post_accumulate_hooks>>("_post_accumulate_grad_hooks",
                                                              "The dict of hooks, or None."),
    attribute<[](Tensor& t) { return int64_t{itemsize(t.dtype)}; }>("itemsize",
                                                                    "Bytes to an element."),
    attribute<bytes_of_elements>("nbytes", "Bytes of all elements."),
    attribute<&Tensor::inference>("_is_inference", "Made under inference_mode."),
    tensor<reversed>("T", "The dimensions reversed."),
    tensor<matrices_turned>("mT", "The last two dimensions exchanged."),
    {"__dict__", get_dict, put_dict, nullptr, nullptr},
    {}};

}  // namespace flambeau
