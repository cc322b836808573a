// Attributes of Tensor: shape, dtype, grad, data ...
#include "autograd/assign.h"
#include "dispatch/views.h"
#include "python/bind.h"
#include "python/tensor/type.h"
#include "runtime/program.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

/// What has the history: of a batched tensor its value.
Tensor& followed(Tensor& t) { return t.batched ? *t.autograd->batch->value : t; }

void put_requires_grad(Tensor& t, PyObject* value) {
  check(value && PyBool_Check(value),
        [] { return message("requires_grad: takes True or False."); });
  check(!grad_fn_of(t) || value == Py_False, [&] {
    return message("requires_grad: ", describe(t), " was computed by ", grad_fn_of(t)->name(),
                   " and always requires grad. Use detach() for a tensor without history.");
  });
  set_requires_grad(t, value == Py_True);
}

TensorRef get_grad(Tensor& t) {
  if (t.autograd && t.autograd->grad) return t.autograd->grad;
  if (t.autograd && t.autograd->grad_fn && !t.autograd->retains_grad)
    warn(
        "grad: this tensor is the result of an operator, and its gradient is not kept. Call "
        "retain_grad() on it before backward, or ask the leaf.");
  return nullptr;
}
void put_grad(Tensor& t, PyObject* value) {
  const bool is_grad = value && value != Py_None;
  check<TypeError>(!is_grad || is_tensor(value), [&] {
    return message("grad: takes a Tensor or None, not ", Py_TYPE(value)->tp_name, ".");
  });
  assign_grad(t, is_grad ? as_tensor(value) : nullptr);
}
void put_grad_fn(Tensor& t, PyObject* value) {
  check(value == Py_None, [] {
    return message("_grad_fn: operators set it. Assign None to take the tensor out of its graph.");
  });
  owned(PyObject_CallMethod(t.py(), "detach_", nullptr));
}

TensorRef get_data(Tensor& t) { return t.batched ? detach(t) : data_of(t); }
void put_data(Tensor& t, PyObject* value) {
  check(value != nullptr, [] {
    return message("data: cannot be deleted. Delete the tensor, or assign other data.");
  });
  check<TypeError>(is_tensor(value), [&] {
    return message("data: takes a Tensor, not ", Py_TYPE(value)->tp_name, ".");
  });
  assign_data(t, *as_tensor(value));
}

void put_hooks(Tensor& t, PyObject* value) {
  check(value != nullptr, [] {
    return message("_backward_hooks: cannot be deleted. Assign None to drop the hooks.");
  });
  set_tensor_hooks(t, value == Py_None ? nullptr : value);
}
template <Object AutogradMeta::* table>
Object hooks_of(Tensor& t) {
  return Object::borrow(t.autograd && t.autograd->*table ? (t.autograd->*table).get() : Py_None);
}

int64_t bytes_of(Tensor& t) {
  check(!is_sparse(t), [&] {
    return message("nbytes: ", name(layout_of(t)),
                   " tensors have no bytes of their own. Add those of its indices and values.");
  });
  return t.nbytes();
}
TensorRef reversed(Tensor& t) {
  Dims order;
  for (int d = t.ndim - 1; d >= 0; --d) order.push(d);
  return permute(t, order);
}
TensorRef matrices_turned(Tensor& t) {
  check(t.ndim >= 2, [&] { return message("mT: tensor ", shape(t), " has fewer than 2 dims."); });
  return transpose(t, -2, -1);
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
  return guarded([&] { return Made<decltype(get(self_of(o)))>(get, self_of(o)).give(); });
}
template <auto put>
int write(PyObject* o, PyObject* value, void* name) {
  if (asks(o, false)) return call_setter_override(static_cast<const char*>(name), o, value);
  return guarded([&] { return put(self_of(o), value), 0; });
}

template <auto get, auto put = nullptr, bool gives_tensor = false>
constexpr PyGetSetDef attribute(const char* name, const char* doc) {
  setter written = nullptr;
  if constexpr (put != nullptr) written = write<put>;
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
    attribute<[](Tensor& t) { return t.dtype; }>("dtype", "The type of the elements."),
    attribute<[](Tensor& t) { return t.device(); }>("device", "Where the bytes lie."),
    attribute<[](Tensor& t) { return t.on_cpu(); }>("is_cpu",
                                                    "Whether it lies in the CPU's memory."),
    attribute<[](Tensor& t) { return t.is_cuda(); }>("is_cuda",
                                                     "Whether it lies in the memory of a GPU."),
    attribute<[](Tensor& t) { return t.is_meta(); }>("is_meta",
                                                     "Whether it lies on the meta device."),
    attribute<[](Tensor& t) { return int{t.ndim}; }>("ndim", "The number of dimensions."),
    attribute<[](Tensor& t) { return requires_grad(followed(t)); }, put_requires_grad>(
        "requires_grad", "Whether gradients are computed for this tensor."),
    attribute<get_grad, put_grad>("grad",
                                  "The accumulated gradient, None before the first backward."),
    attribute<get_grad, put_grad>("_grad", "The accumulated gradient."),
    attribute<[](Tensor& t) { return grad_fn_of(followed(t)); }>(
        "grad_fn", "The node of the autograd graph that made this tensor, None for leaves."),
    attribute<[](Tensor& t) { return grad_fn_of(followed(t)); }, put_grad_fn>(
        "_grad_fn", "The same; read only."),
    attribute<[](Tensor& t) { return is_leaf(followed(t)); }>(
        "is_leaf", "True for tensors that no recorded operator made."),
    tensor<get_data, put_data>("data",
                               "The same memory without history and without version checks."),
    attribute<counted_writes>("_version", "Counts writes in place."),
    attribute<[](Tensor& t) { return t.autograd ? int64_t{t.autograd->output_nr} : 0; }>(
        "output_nr", "Which result of grad_fn this is."),
    attribute<[](Tensor& t) { return t.autograd ? t.autograd->base : TensorRef(); }>(
        "_base", "The tensor that this one is a view of, or None."),
    attribute<[](Tensor& t) { return t.autograd && t.autograd->retains_grad; }>(
        "retains_grad", "Whether retain_grad() was called on a non-leaf."),
    attribute<hooks_of<&AutogradMeta::hooks>, put_hooks>("_backward_hooks",
                                                         "The dict of hooks, or None."),
    attribute<hooks_of<&AutogradMeta::post_accumulate_hooks>>("_post_accumulate_grad_hooks",
                                                              "The dict of hooks, or None."),
    attribute<[](Tensor& t) { return int64_t{itemsize(t.dtype)}; }>("itemsize",
                                                                    "Bytes to an element."),
    attribute<bytes_of>("nbytes", "Bytes of all elements."),
    attribute<[](Tensor& t) { return t.inference; }>("_is_inference", "Made under inference_mode."),
    tensor<reversed>("T", "The dimensions reversed."),
    tensor<matrices_turned>("mT", "The last two dimensions exchanged."),
    {"__dict__", get_dict, put_dict, nullptr, nullptr},
    {}};

}  // namespace flambeau
