// Attributes of Tensor: shape, dtype, grad, data ...
#include "autograd/meta.h"
#include "dispatch/views.h"
#include "python/tensor/type.h"
#include "runtime/program.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

PyObject* get_shape(PyObject* o) { return make_size(self_of(o).sizes, self_of(o).ndim); }
PyObject* get_dtype(PyObject* o) {
  PyObject* d = dtype_object(self_of(o).dtype);
  Py_INCREF(d);
  return d;
}
PyObject* get_device(PyObject* o) { return Py_NewRef(device_object(self_of(o).device())); }
PyObject* get_is_cpu(PyObject* o) { return PyBool_FromLong(self_of(o).device() == on_cpu); }
PyObject* get_is_cuda(PyObject* o) { return PyBool_FromLong(self_of(o).is_cuda()); }
PyObject* get_is_meta(PyObject* o) { return PyBool_FromLong(self_of(o).is_meta()); }
PyObject* get_ndim(PyObject* o) { return PyLong_FromLong(self_of(o).ndim); }
/// What has the history: of a batched tensor its value.
Tensor& followed(PyObject* o) {
  Tensor& t = self_of(o);
  return t.batched ? *t.autograd->batch->value : t;
}
PyObject* get_requires_grad(PyObject* o) { return PyBool_FromLong(requires_grad(followed(o))); }

void set_requires_grad(Tensor& t, bool wanted) {
  check(!t.batched, [] {
    return message(
        "requires_grad: of a mapped tensor inside vmap it cannot be set. Take derivatives with "
        "func.grad or func.vjp, or set it outside.");
  });
  check(!wanted || is_differentiable(t.dtype), [&] {
    return message("requires_grad: ", describe(t),
                   " has no gradients; they are computed for floating and complex dtypes. Convert "
                   "it with .float() first.");
  });
  if (grad_fn_of(t)) {
    check(wanted, [&] {
      return message("requires_grad: ", describe(t), " was computed by ", grad_fn_of(t)->name(),
                     " and always requires grad. Use detach() for a tensor without history.");
    });
    return;
  }
  check(!(wanted && t.inference) || inference_mode_enabled, [&] {
    return message("requires_grad: ", describe(t),
                   " was made in inference_mode and cannot require grad outside of it. clone() it "
                   "first.");
  });
  t.requires_grad_leaf = wanted;
}

int put_requires_grad(PyObject* o, PyObject* value) {
  return guarded([&] {
    check(value && PyBool_Check(value),
          [] { return message("requires_grad: takes True or False."); });
    check(!grad_fn_of(self_of(o)) || value == Py_False, [&] {
      return message("requires_grad: ", describe(self_of(o)), " was computed by ",
                     grad_fn_of(self_of(o))->name(),
                     " and always requires grad. Use detach() for a tensor without history.");
    });
    set_requires_grad(self_of(o), value == Py_True);
    return 0;
  });
}

PyObject* get_grad(PyObject* o) {
  Tensor& t = self_of(o);
  if (t.autograd && t.autograd->grad) return Py_NewRef(t.autograd->grad.py());
  if (!t.autograd || !t.autograd->grad_fn || t.autograd->retains_grad) return Py_NewRef(Py_None);
  return guarded([] {
    warn(
        "grad: this tensor is the result of an operator, and its gradient is not kept. Call "
        "retain_grad() on it before backward, or ask the leaf.");
    return Py_NewRef(Py_None);
  });
}

int put_grad(PyObject* o, PyObject* value) {
  return guarded([&] {
    Tensor& t = self_of(o);
    if (!value || value == Py_None) {
      if (t.autograd) t.autograd->grad = nullptr;
      return 0;
    }
    check<TypeError>(is_tensor(value), [&] {
      return message("grad: takes a Tensor or None, not ", Py_TYPE(value)->tp_name, ".");
    });
    Tensor& g = *as_tensor(value);
    check(&g != &t,
          [] { return message("grad: a tensor cannot be its own gradient. Assign its clone()."); });
    check(sizes_of(g) == sizes_of(t), [&] {
      return message("grad: the gradient is ", shape(g), ", but the tensor is ", shape(t),
                     ". The shapes must be equal.");
    });
    check(g.dtype == t.dtype, [&] {
      return message("grad: the gradient is ", name(g.dtype), ", but the tensor is ", name(t.dtype),
                     ". Convert it with .to().");
    });
    check<DeviceError>(g.device() == t.device(), [&] {
      return message("grad: the gradient is on ", to_string(g.device()), ", but the tensor is on ",
                     to_string(t.device()), ". Move it with .to().");
    });
    need_meta(t).grad = TensorRef::borrow(&g);
    return 0;
  });
}

PyObject* get_grad_fn(PyObject* o) {
  return guarded([&] {
    Node* fn = grad_fn_of(followed(o));
    PyObject* result = fn ? fn->py() : Py_None;
    Py_INCREF(result);
    return result;
  });
}

PyObject* get_is_leaf(PyObject* o) { return PyBool_FromLong(is_leaf(followed(o))); }

PyObject* get_data(PyObject* o) {
  return guarded([&] {
    Tensor& t = self_of(o);
    if (t.batched) return detach(t).release_py();
    TensorRef v = make_tensor(t.storage, t.dtype, sizes_of(t), strides_of(t), t.offset);
    v->version_override = new Version;
    return v.release_py();
  });
}

int put_data(PyObject* o, PyObject* value) {
  return guarded([&] {
    check(value != nullptr, [] {
      return message("data: cannot be deleted. Delete the tensor, or assign other data.");
    });
    check<TypeError>(is_tensor(value), [&] {
      return message("data: takes a Tensor, not ", Py_TYPE(value)->tp_name, ".");
    });
    Tensor &t = self_of(o), &from = *as_tensor(value);
    check(!requires_grad(t) || is_differentiable(from.dtype), [&] {
      return message("data: ", describe(t), " requires grad and cannot take data of dtype ",
                     name(from.dtype), ", which has no gradients.");
    });
    check(is_sparse(from) == is_sparse(t), [&] {
      return message("data: ", describe(t), " cannot take ", describe(from),
                     ": one is sparse, the other strided. Convert it with .to_dense() or "
                     ".to_sparse().");
    });
    check<DeviceError>(from.device() == t.device(), [&] {
      return message("data: takes data on ", to_string(t.device()),
                     ", where the tensor is, not on ", to_string(from.device()), ".");
    });
    retain(from.storage);
    release(t.storage);
    t.storage = from.storage;
    t.dtype = from.dtype;
    set_layout(t, sizes_of(from), strides_of(from), from.offset);
    leave_base(t);
    t.bump_version("data");
    return 0;
  });
}

PyObject* get_version(PyObject* o) {
  return guarded([&] {
    check(!self_of(o).inference, [] {
      return message("_version: writes to a tensor made under inference_mode are not counted.");
    });
    return PyLong_FromUnsignedLong(self_of(o).version().value);
  });
}
PyObject* get_output_nr(PyObject* o) {
  return PyLong_FromUnsignedLong(self_of(o).autograd ? self_of(o).autograd->output_nr : 0);
}
PyObject* get_base(PyObject* o) {
  Tensor& t = self_of(o);
  PyObject* b = t.autograd && t.autograd->base ? t.autograd->base.py() : Py_None;
  Py_INCREF(b);
  return b;
}
PyObject* get_retains_grad(PyObject* o) {
  return PyBool_FromLong(self_of(o).autograd && self_of(o).autograd->retains_grad);
}
PyObject* or_none(const Object& object) { return Py_NewRef(object ? object.get() : Py_None); }
PyObject* get_hooks(PyObject* o) {
  AutogradMeta* meta = self_of(o).autograd;
  return meta ? or_none(meta->hooks) : Py_NewRef(Py_None);
}
int put_hooks(PyObject* o, PyObject* value) {
  return guarded([&] {
    check(value != nullptr, [] {
      return message("_backward_hooks: cannot be deleted. Assign None to drop the hooks.");
    });
    set_tensor_hooks(self_of(o), value == Py_None ? nullptr : value);
    return 0;
  });
}
int put_grad_fn(PyObject* o, PyObject* value) {
  return guarded([&] {
    check(value == Py_None, [] {
      return message(
          "_grad_fn: operators set it. Assign None to take the tensor out of its graph.");
    });
    Object self = Object::steal(PyObject_CallMethod(o, "detach_", nullptr));
    if (!self) throw PythonError();
    return 0;
  });
}
PyObject* get_post_hooks(PyObject* o) {
  AutogradMeta* meta = self_of(o).autograd;
  return meta ? or_none(meta->post_accumulate_hooks) : Py_NewRef(Py_None);
}
PyObject* get_itemsize(PyObject* o) { return PyLong_FromLongLong(itemsize(self_of(o).dtype)); }
PyObject* get_nbytes(PyObject* o) {
  return guarded([&] {
    check(!is_sparse(self_of(o)), [&] {
      return message("nbytes: ", name(layout_of(self_of(o))),
                     " tensors have no bytes of their own. Add those of its indices and values.");
    });
    return PyLong_FromLongLong(self_of(o).nbytes());
  });
}
PyObject* get_inference(PyObject* o) { return PyBool_FromLong(self_of(o).inference); }
PyObject* get_T(PyObject* o) {
  return guarded([&] {
    Tensor& t = self_of(o);
    Dims order;
    for (int d = t.ndim - 1; d >= 0; --d) order.push(d);
    return permute(t, order).release_py();
  });
}
PyObject* get_mT(PyObject* o) {
  return guarded([&] {
    Tensor& t = self_of(o);
    check(t.ndim >= 2, [&] { return message("mT: tensor ", shape(t), " has fewer than 2 dims."); });
    return transpose(t, -2, -1).release_py();
  });
}

using Getter = PyObject* (*)(PyObject*);
using Setter = int (*)(PyObject*, PyObject*);

/// Whether what an attribute gives is to be of the tensor's own class.
enum Gives { no_tensor, a_tensor };

/// Most attributes are no tensors: of a subclass that only inherits __torch_function__ they can be
/// read without asking it.
bool asks(PyObject* o, Gives gives) {
  if (!is_overridden(o)) return false;
  return gives == a_tensor || in_function_mode() || override_of(Py_TYPE(o)) == Override::own;
}

template <Getter get, Gives gives>
PyObject* read(PyObject* o, void* name) {
  return asks(o, gives) ? call_getter_override(static_cast<const char*>(name), o) : get(o);
}
template <Setter put>
int write(PyObject* o, PyObject* value, void* name) {
  return asks(o, no_tensor) ? call_setter_override(static_cast<const char*>(name), o, value)
                            : put(o, value);
}

template <Getter get, Gives gives, Setter put = nullptr>
constexpr PyGetSetDef attribute(const char* name, const char* doc) {
  setter written = nullptr;
  if constexpr (put != nullptr) written = write<put>;
  return {name, read<get, gives>, written, doc, const_cast<char*>(name)};
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
    attribute<get_shape, no_tensor>("shape", "The sizes of all dimensions, a torch.Size."),
    attribute<get_dtype, no_tensor>("dtype", "The type of the elements."),
    attribute<get_device, no_tensor>("device", "Where the bytes lie."),
    attribute<get_is_cpu, no_tensor>("is_cpu", "Whether it lies in the CPU's memory."),
    attribute<get_is_cuda, no_tensor>("is_cuda", "Whether it lies in the memory of a GPU."),
    attribute<get_is_meta, no_tensor>("is_meta", "Whether it lies on the meta device."),
    attribute<get_ndim, no_tensor>("ndim", "The number of dimensions."),
    attribute<get_requires_grad, no_tensor, put_requires_grad>(
        "requires_grad", "Whether gradients are computed for this tensor."),
    attribute<get_grad, no_tensor, put_grad>(
        "grad", "The accumulated gradient, None before the first backward."),
    attribute<get_grad, no_tensor, put_grad>("_grad", "The accumulated gradient."),
    attribute<get_grad_fn, no_tensor>(
        "grad_fn", "The node of the autograd graph that made this tensor, None for leaves."),
    attribute<get_grad_fn, no_tensor, put_grad_fn>("_grad_fn", "The same; read only."),
    attribute<get_is_leaf, no_tensor>("is_leaf",
                                      "True for tensors that no recorded operator made."),
    attribute<get_data, a_tensor, put_data>(
        "data", "The same memory without history and without version checks."),
    attribute<get_version, no_tensor>("_version", "Counts writes in place."),
    attribute<get_output_nr, no_tensor>("output_nr", "Which result of grad_fn this is."),
    attribute<get_base, no_tensor>("_base", "The tensor that this one is a view of, or None."),
    attribute<get_retains_grad, no_tensor>("retains_grad",
                                           "Whether retain_grad() was called on a non-leaf."),
    attribute<get_hooks, no_tensor, put_hooks>("_backward_hooks", "The dict of hooks, or None."),
    attribute<get_post_hooks, no_tensor>("_post_accumulate_grad_hooks",
                                         "The dict of hooks, or None."),
    attribute<get_itemsize, no_tensor>("itemsize", "Bytes to an element."),
    attribute<get_nbytes, no_tensor>("nbytes", "Bytes of all elements."),
    attribute<get_inference, no_tensor>("_is_inference", "Made under inference_mode."),
    attribute<get_T, a_tensor>("T", "The dimensions reversed."),
    attribute<get_mT, a_tensor>("mT", "The last two dimensions exchanged."),
    {"__dict__", get_dict, put_dict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

void mark_requires_grad(Tensor& t, bool wanted) { set_requires_grad(t, wanted); }

}  // namespace flambeau
