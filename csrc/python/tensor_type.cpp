// The Python type Tensor: construction, attributes, arithmetic slots, indexing.
#include <Python.h>
#include <structmember.h>

#include "autograd/meta.h"
#include "dispatch/autocast.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/matmul.h"
#include "dispatch/pointwise.h"
#include "dispatch/views.h"
#include "python/args.h"

namespace flambeau {

namespace {

Tensor& self_of(PyObject* o) { return *as_tensor(o); }

// ---------------------------------------------------------------------------------------- life and
// death

void tensor_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Tensor& t = self_of(o);
  if (t.weakrefs) PyObject_ClearWeakRefs(o);
  clear_tensor(t);
  type->tp_free(o);
  Py_DECREF(type);
}

/// Tensor(4, 3), Tensor([1., 2.]), Tensor(other): the old constructor, always the default dtype.
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    Object made = Object::steal(PyObject_Call(bound_operator("legacy_new"), args, kwargs));
    if (!made) throw PythonError();
    if (type == tensor_type) return made.release();
    return retype(*as_tensor(made.get()), type).release_py();
  });
}

// -------------------------------------------------------------------------------------------
// attributes

PyObject* get_shape(PyObject* o, void*) { return make_size(self_of(o).sizes, self_of(o).ndim); }
PyObject* get_dtype(PyObject* o, void*) {
  PyObject* d = dtype_object(self_of(o).dtype);
  Py_INCREF(d);
  return d;
}
PyObject* get_device(PyObject*, void*) {
  Py_INCREF(cpu_device());
  return cpu_device();
}
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLong(self_of(o).ndim); }
PyObject* get_requires_grad(PyObject* o, void*) {
  return PyBool_FromLong(requires_grad(self_of(o)));
}

void set_requires_grad(Tensor& t, bool wanted) {
  check(!wanted || is_differentiable(t.dtype), [&] {
    return message(
        "requires_grad_: only Tensors of floating point and complex dtype can require gradients, "
        "not ",
        name(t.dtype), ".");
  });
  if (grad_fn_of(t)) {
    check(wanted, [] {
      return message(
          "you can only change requires_grad flags of leaf variables. If you want to use a "
          "computed variable in a "
          "subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    });
    return;
  }
  check(!(wanted && t.inference) || inference_mode_enabled, [] {
    return message(
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  });
  t.requires_grad_leaf = wanted;
}

int put_requires_grad(PyObject* o, PyObject* value, void*) {
  return guarded([&] {
    int truth = value ? PyObject_IsTrue(value) : -1;
    check<TypeError>(truth >= 0, [] { return message("requires_grad must be a bool."); });
    set_requires_grad(self_of(o), truth != 0);
    return 0;
  });
}

PyObject* get_grad(PyObject* o, void*) {
  Tensor& t = self_of(o);
  PyObject* g = t.autograd && t.autograd->grad ? t.autograd->grad.py() : Py_None;
  Py_INCREF(g);
  return g;
}

int put_grad(PyObject* o, PyObject* value, void*) {
  return guarded([&] {
    Tensor& t = self_of(o);
    if (!value || value == Py_None) {
      if (t.autograd) t.autograd->grad = nullptr;
      return 0;
    }
    check<TypeError>(is_tensor(value), [&] {
      return message("grad: assigned grad must be a Tensor or None, not ", Py_TYPE(value)->tp_name,
                     ".");
    });
    Tensor& g = *as_tensor(value);
    check(&g != &t, [] { return message("grad: can't assign Variable as its own grad."); });
    check(sizes_of(g) == sizes_of(t), [&] {
      return message("grad: assigned grad has data of a different size: ", shape(g), ", expected ",
                     shape(t), ".");
    });
    check(g.dtype == t.dtype, [&] {
      return message("grad: assigned grad has data of a different type: ", name(g.dtype),
                     ", expected ", name(t.dtype), ".");
    });
    need_meta(t).grad = TensorRef::borrow(&g);
    return 0;
  });
}

PyObject* get_grad_fn(PyObject* o, void*) {
  return guarded([&] {
    Node* fn = grad_fn_of(self_of(o));
    PyObject* result = fn ? fn->py() : Py_None;
    Py_INCREF(result);
    return result;
  });
}

PyObject* get_is_leaf(PyObject* o, void*) { return PyBool_FromLong(is_leaf(self_of(o))); }

PyObject* get_data(PyObject* o, void*) {
  return guarded([&] {
    Tensor& t = self_of(o);
    TensorRef v = make_tensor(t.storage, t.dtype, sizes_of(t), strides_of(t), t.offset);
    v->version_override = new Version;
    return v.release_py();
  });
}

int put_data(PyObject* o, PyObject* value, void*) {
  return guarded([&] {
    check<TypeError>(value && is_tensor(value),
                     [] { return message("data: must be set to a Tensor."); });
    Tensor &t = self_of(o), &from = *as_tensor(value);
    check(!requires_grad(t) || is_differentiable(from.dtype), [&] {
      return message("data: a tensor that requires grad cannot take data of dtype ",
                     name(from.dtype), ".");
    });
    retain(from.storage);
    release(t.storage);
    t.storage = from.storage;
    t.dtype = from.dtype;
    set_layout(t, sizes_of(from), strides_of(from), from.offset);
    t.bump_version("data");
    if (t.autograd && t.autograd->accumulator) t.autograd->accumulator = nullptr;
    return 0;
  });
}

PyObject* get_version(PyObject* o, void*) {
  return PyLong_FromUnsignedLong(self_of(o).version().value);
}
PyObject* get_output_nr(PyObject* o, void*) {
  return PyLong_FromUnsignedLong(self_of(o).autograd ? self_of(o).autograd->output_nr : 0);
}
PyObject* get_base(PyObject* o, void*) {
  Tensor& t = self_of(o);
  PyObject* b = t.autograd && t.autograd->base ? t.autograd->base.py() : Py_None;
  Py_INCREF(b);
  return b;
}
PyObject* get_retains_grad(PyObject* o, void*) {
  return PyBool_FromLong(self_of(o).autograd && self_of(o).autograd->retains_grad);
}
PyObject* get_itemsize(PyObject* o, void*) {
  return PyLong_FromLongLong(itemsize(self_of(o).dtype));
}
PyObject* get_nbytes(PyObject* o, void*) { return PyLong_FromLongLong(self_of(o).nbytes()); }
PyObject* get_inference(PyObject* o, void*) { return PyBool_FromLong(self_of(o).inference); }
PyObject* get_T(PyObject* o, void*) {
  return guarded([&] {
    Tensor& t = self_of(o);
    Dims order;
    for (int d = t.ndim - 1; d >= 0; --d) order.push(d);
    return permute(t, order).release_py();
  });
}
PyObject* get_mT(PyObject* o, void*) {
  return guarded([&] {
    Tensor& t = self_of(o);
    check(t.ndim >= 2, [&] {
      return message("mT: only supported on matrices or batches of matrices, not ", shape(t), ".");
    });
    return transpose(t, -2, -1).release_py();
  });
}

PyGetSetDef tensor_getset[] = {
    {"shape", get_shape, nullptr, "The sizes of all dimensions, a torch.Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"device", get_device, nullptr, "Where the bytes lie.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"requires_grad", get_requires_grad, put_requires_grad,
     "Whether gradients are computed for this tensor.", nullptr},
    {"grad", get_grad, put_grad, "The accumulated gradient, None before the first backward.",
     nullptr},
    {"_grad", get_grad, put_grad, "The accumulated gradient.", nullptr},
    {"grad_fn", get_grad_fn, nullptr,
     "The node of the autograd graph that made this tensor, None for leaves.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "True for tensors that no recorded operator made.", nullptr},
    {"data", get_data, put_data, "The same memory without history and without version checks.",
     nullptr},
    {"_version", get_version, nullptr, "Counts writes in place.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which result of grad_fn this is.", nullptr},
    {"_base", get_base, nullptr, "The tensor that this one is a view of, or None.", nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Whether retain_grad() was called on a non-leaf.",
     nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes to an element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"_is_inference", get_inference, nullptr, "Made under inference_mode.", nullptr},
    {"T", get_T, nullptr, "The dimensions reversed.", nullptr},
    {"mT", get_mT, nullptr, "The last two dimensions exchanged.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Tensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Tensor, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

// --------------------------------------------------------------------------------------------
// arithmetic

/// A Python operator's operand: a tensor or a number (others: NotImplemented).
bool usable(PyObject* o) { return is_tensor(o) || is_number(o); }

struct Slot {
  const char* name;
  PyObject* callable = nullptr;
  PyObject* get() {
    if (!callable) callable = bound_operator(name);
    return callable;
  }
};

PyObject* binary(Slot& slot, PyObject* a, PyObject* b) {
  if (!usable(a) || !usable(b)) Py_RETURN_NOTIMPLEMENTED;
  return guarded([&]() -> PyObject* {
    PyObject* args[] = {a, b};
    return PyObject_Vectorcall(slot.get(), args, 2, nullptr);
  });
}
PyObject* unary(Slot& slot, PyObject* a) {
  return guarded([&] { return PyObject_CallOneArg(slot.get(), a); });
}

#define FLAMBEAU_BINARY(slot_name)   \
  Slot slot_##slot_name{#slot_name}; \
  PyObject* nb_##slot_name(PyObject* a, PyObject* b) { return binary(slot_##slot_name, a, b); }
#define FLAMBEAU_INPLACE(slot_name)  \
  Slot slot_##slot_name{#slot_name}; \
  PyObject* nb_##slot_name(PyObject* a, PyObject* b) { return binary(slot_##slot_name, a, b); }
FLAMBEAU_BINARY(add)
FLAMBEAU_BINARY(sub)
FLAMBEAU_BINARY(mul)
FLAMBEAU_BINARY(true_divide) FLAMBEAU_BINARY(floor_divide) FLAMBEAU_BINARY(remainder)
    FLAMBEAU_BINARY(bitwise_and) FLAMBEAU_BINARY(bitwise_or) FLAMBEAU_BINARY(bitwise_xor)
        FLAMBEAU_BINARY(bitwise_left_shift) FLAMBEAU_BINARY(bitwise_right_shift)
            FLAMBEAU_BINARY(matmul) FLAMBEAU_INPLACE(add_) FLAMBEAU_INPLACE(sub_)
                FLAMBEAU_INPLACE(mul_) FLAMBEAU_INPLACE(true_divide_)
                    FLAMBEAU_INPLACE(floor_divide_) FLAMBEAU_INPLACE(remainder_)
                        FLAMBEAU_INPLACE(bitwise_and_) FLAMBEAU_INPLACE(bitwise_or_)
                            FLAMBEAU_INPLACE(bitwise_xor_) FLAMBEAU_INPLACE(bitwise_left_shift_)
                                FLAMBEAU_INPLACE(bitwise_right_shift_) FLAMBEAU_BINARY(eq)
                                    FLAMBEAU_BINARY(ne) FLAMBEAU_BINARY(lt) FLAMBEAU_BINARY(le)
                                        FLAMBEAU_BINARY(gt) FLAMBEAU_BINARY(ge) FLAMBEAU_BINARY(pow)
                                            FLAMBEAU_INPLACE(pow_)
#undef FLAMBEAU_BINARY
#undef FLAMBEAU_INPLACE

    /// Two matrices go straight to mm; all other shapes to the operator declared in Python.
    PyObject* nb_matmul_fast(PyObject* a, PyObject* b) {
  if (is_tensor_exact(a) && is_tensor_exact(b)) {
    Tensor &x = *as_tensor(a), &y = *as_tensor(b);
    if (x.ndim == 2 && y.ndim == 2 && x.sizes[1] == y.sizes[0] && x.dtype == y.dtype &&
        !autocast.on)
      return guarded([&] { return mm(x, y, "matmul").release_py(); });
  }
  return nb_matmul(a, b);
}

Slot slot_neg{"neg"}, slot_abs{"abs"}, slot_invert{"bitwise_not"};
PyObject* nb_neg(PyObject* a) { return unary(slot_neg, a); }
PyObject* nb_abs(PyObject* a) { return unary(slot_abs, a); }
PyObject* nb_invert(PyObject* a) { return unary(slot_invert, a); }
PyObject* nb_positive(PyObject* a) {
  Py_INCREF(a);
  return a;
}
PyObject* nb_power(PyObject* a, PyObject* b, PyObject*) { return nb_pow(a, b); }
PyObject* nb_inplace_power(PyObject* a, PyObject* b, PyObject*) { return nb_pow_(a, b); }

PyObject* compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_EQ: return nb_eq(a, b);
    case Py_NE: return nb_ne(a, b);
    case Py_LT: return nb_lt(a, b);
    case Py_LE: return nb_le(a, b);
    case Py_GT: return nb_gt(a, b);
    default: return nb_ge(a, b);
  }
}

// ----------------------------------------------------------------------------------------------
// numbers

PyObject* item_of(Tensor& t, const char* what) {
  check(t.numel == 1, [&] {
    return message(what, ": a Tensor with ", t.numel,
                   " elements cannot be converted to Scalar; shape ", shape(t), ".");
  });
  return load_number(t.data(), t.dtype);
}

int nb_bool(PyObject* o) {
  return guarded([&] {
    Tensor& t = self_of(o);
    check(t.numel == 1, [&] {
      return message(t.numel ? "Boolean value of Tensor with more than one value is ambiguous"
                             : "Boolean value of Tensor with no values is ambiguous",
                     ": shape ", shape(t), ". Use .any() or .all().");
    });
    Object value = Object::steal(load_number(t.data(), t.dtype));
    return PyObject_IsTrue(value.get());
  });
}
PyObject* nb_float(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Object value = Object::steal(item_of(self_of(o), "float"));
    if (PyComplex_Check(value.get())) {
      Py_complex c = PyComplex_AsCComplex(value.get());
      check(c.imag == 0, [] {
        return message(
            "float: value cannot be converted to type double without overflow: it is complex.");
      });
      return PyFloat_FromDouble(c.real);
    }
    return PyNumber_Float(value.get());
  });
}
PyObject* nb_int(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Object value = Object::steal(item_of(self_of(o), "int"));
    if (PyComplex_Check(value.get())) {
      Py_complex c = PyComplex_AsCComplex(value.get());
      check(c.imag == 0, [] {
        return message(
            "int: value cannot be converted to type int64 without overflow: it is complex.");
      });
      return PyLong_FromDouble(c.real);
    }
    return PyNumber_Long(value.get());
  });
}
PyObject* nb_index(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor& t = self_of(o);
    check<TypeError>(!is_differentiable(t.dtype) && t.numel == 1, [&] {
      return message("only integer tensors of a single element can be converted to an index, not ",
                     describe(t), ".");
    });
    Object value = Object::steal(load_number(t.data(), t.dtype));
    return PyNumber_Long(value.get());
  });
}

Py_ssize_t tensor_length(PyObject* o) {
  Tensor& t = self_of(o);
  if (t.ndim == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return t.sizes[0];
}

PyObject* tensor_iter(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor& t = self_of(o);
    check<TypeError>(t.ndim > 0, [] { return message("iteration over a 0-d tensor"); });
    Object list = Object::steal(tensor_tuple(unbind(t, 0)));
    return PyObject_GetIter(list.get());
  });
}

// ---------------------------------------------------------------------------------------------
// indexing

/// Appends the step for one basic index; false if the index is not basic.
bool add_step(Tensor& t, PyObject* index, int& dim, std::vector<IndexStep>& steps) {
  using Kind = IndexStep::Kind;
  if (index == Py_None) {
    steps.push_back({Kind::insert, 0, 0, 0});
    return true;
  }
  if (PyBool_Check(index) || is_tensor(index)) return false;
  if (PySlice_Check(index)) {
    check<IndexError>(dim < t.ndim, [&] {
      return message("too many indices for tensor of dimension ", static_cast<int>(t.ndim), ".");
    });
    auto* s = reinterpret_cast<PySliceObject*>(index);
    int64_t step = s->step == Py_None ? 1 : to_integer(s->step, "slice");
    check<ValueError>(step > 0, [&] {
      return message("slice step must be positive, not ", step, ". Use torch.flip(input, [", dim,
                     "]) to reverse a dimension, then a positive step.");
    });
    int64_t size = t.sizes[dim];
    int64_t start = s->start == Py_None ? 0 : to_integer(s->start, "slice");
    int64_t stop = s->stop == Py_None ? size : to_integer(s->stop, "slice");
    if (start < 0) start += size;
    if (stop < 0) stop += size;
    start = std::min(std::max<int64_t>(start, 0), size);
    stop = std::min(std::max<int64_t>(stop, start), size);
    ++dim;
    if (start == 0 && stop == size && step == 1)
      steps.push_back({Kind::keep, 0, 0, 0});
    else
      steps.push_back({Kind::slice, start, stop, step});
    return true;
  }
  if (!PyIndex_Check(index) || PySequence_Check(index)) return false;
  check<IndexError>(dim < t.ndim, [&] {
    return t.ndim == 0 ? message(
                             "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to "
                             "convert a 0-dim tensor to a number.")
                       : message("too many indices for tensor of dimension ",
                                 static_cast<int>(t.ndim), ".");
  });
  int64_t i = to_integer(index, "index"), size = t.sizes[dim];
  check<IndexError>(i >= -size && i < size, [&] {
    return message("index ", i, " is out of bounds for dimension ", dim, " with size ", size, ".");
  });
  ++dim;
  steps.push_back({Kind::select, i < 0 ? i + size : i, 0, 0});
  return true;
}

/// The view that a basic index shows; null if the index is not basic.
TensorRef basic_view(Tensor& t, PyObject* index) {
  if (PyLong_CheckExact(index) && t.ndim > 0) {
    int64_t i = to_integer(index, "index");
    check<IndexError>(i >= -t.sizes[0] && i < t.sizes[0], [&] {
      return message("index ", i, " is out of bounds for dimension 0 with size ", t.sizes[0], ".");
    });
    return select(t, 0, i);
  }
  std::vector<IndexStep> steps;
  int dim = 0;
  if (!PyTuple_Check(index)) {
    if (index == Py_Ellipsis) return basic_index(t, nullptr, 0);
    if (!add_step(t, index, dim, steps)) return nullptr;
    return basic_index(t, steps.data(), static_cast<int>(steps.size()));
  }
  Py_ssize_t n = PyTuple_GET_SIZE(index);
  int consumed = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyTuple_GET_ITEM(index, i);
    if (item != Py_None && item != Py_Ellipsis) ++consumed;
  }
  bool ellipsis = false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyTuple_GET_ITEM(index, i);
    if (item == Py_Ellipsis) {
      check<IndexError>(
          !ellipsis, [] { return message("an index can only have a single ellipsis ('...')."); });
      ellipsis = true;
      for (int k = t.ndim - consumed; k > 0; --k, ++dim)
        steps.push_back({IndexStep::Kind::keep, 0, 0, 0});
      continue;
    }
    if (!add_step(t, item, dim, steps)) return nullptr;
  }
  return basic_index(t, steps.data(), static_cast<int>(steps.size()));
}

PyObject* subscript(PyObject* o, PyObject* index) {
  return guarded([&]() -> PyObject* {
    if (TensorRef v = basic_view(self_of(o), index)) return v.release_py();
    PyObject* args[] = {o, index};
    return PyObject_Vectorcall(bound_operator("index_get"), args, 2, nullptr);
  });
}

int assign_subscript(PyObject* o, PyObject* index, PyObject* value) {
  return guarded([&] {
    check<TypeError>(value != nullptr,
                     [] { return message("Tensor does not support deleting items."); });
    Tensor& t = self_of(o);
    bool plain = is_tensor(value) || is_number(value);
    TensorRef v = plain ? basic_view(t, index) : nullptr;
    if (!v) {
      PyObject* args[] = {o, index, value};
      Object done =
          Object::steal(PyObject_Vectorcall(bound_operator("index_set"), args, 3, nullptr));
      if (!done) throw PythonError();
      return 0;
    }
    if (is_tensor(value)) {
      Tensor& from = *as_tensor(value);
      // Leading dimensions of size 1 beyond the place's own are let go, as in NumPy.
      TensorRef fitted = TensorRef::borrow(&from);
      while (fitted->ndim > v->ndim && fitted->sizes[0] == 1) fitted = select(*fitted, 0, 0);
      copy_(*v, *fitted);
      return 0;
    }
    if (needs_record(t)) {
      TensorRef number = empty({}, v->dtype);
      fill_number(*number, value);
      copy_(*v, *number);
      return 0;
    }
    fill_number(*v, value);
    t.bump_version("__setitem__");
    return 0;
  });
}

Py_hash_t tensor_hash(PyObject* o) { return _Py_HashPointer(o); }

#define SLOT(slot, function) {slot, reinterpret_cast<void*>(function)}
PyType_Slot tensor_slots[] = {
    SLOT(Py_tp_new, tensor_new),
    SLOT(Py_tp_dealloc, tensor_dealloc),
    SLOT(Py_tp_getset, tensor_getset),
    SLOT(Py_tp_members, tensor_members),
    SLOT(Py_tp_richcompare, compare),
    SLOT(Py_tp_hash, tensor_hash),
    SLOT(Py_tp_iter, tensor_iter),
    SLOT(Py_nb_add, nb_add),
    SLOT(Py_nb_subtract, nb_sub),
    SLOT(Py_nb_multiply, nb_mul),
    SLOT(Py_nb_true_divide, nb_true_divide),
    SLOT(Py_nb_floor_divide, nb_floor_divide),
    SLOT(Py_nb_remainder, nb_remainder),
    SLOT(Py_nb_power, nb_power),
    SLOT(Py_nb_and, nb_bitwise_and),
    SLOT(Py_nb_or, nb_bitwise_or),
    SLOT(Py_nb_xor, nb_bitwise_xor),
    SLOT(Py_nb_lshift, nb_bitwise_left_shift),
    SLOT(Py_nb_rshift, nb_bitwise_right_shift),
    SLOT(Py_nb_matrix_multiply, nb_matmul_fast),
    SLOT(Py_nb_inplace_add, nb_add_),
    SLOT(Py_nb_inplace_subtract, nb_sub_),
    SLOT(Py_nb_inplace_multiply, nb_mul_),
    SLOT(Py_nb_inplace_true_divide, nb_true_divide_),
    SLOT(Py_nb_inplace_floor_divide, nb_floor_divide_),
    SLOT(Py_nb_inplace_remainder, nb_remainder_),
    SLOT(Py_nb_inplace_power, nb_inplace_power),
    SLOT(Py_nb_inplace_and, nb_bitwise_and_),
    SLOT(Py_nb_inplace_or, nb_bitwise_or_),
    SLOT(Py_nb_inplace_xor, nb_bitwise_xor_),
    SLOT(Py_nb_inplace_lshift, nb_bitwise_left_shift_),
    SLOT(Py_nb_inplace_rshift, nb_bitwise_right_shift_),
    SLOT(Py_nb_negative, nb_neg),
    SLOT(Py_nb_positive, nb_positive),
    SLOT(Py_nb_absolute, nb_abs),
    SLOT(Py_nb_invert, nb_invert),
    SLOT(Py_nb_bool, nb_bool),
    SLOT(Py_nb_float, nb_float),
    SLOT(Py_nb_int, nb_int),
    SLOT(Py_nb_index, nb_index),
    SLOT(Py_mp_length, tensor_length),
    SLOT(Py_mp_subscript, subscript),
    SLOT(Py_mp_ass_subscript, assign_subscript),
    SLOT(Py_tp_doc, const_cast<char*>(
                        "A typed array of any number of dimensions that can be differentiated.")),
    {0, nullptr}};
#undef SLOT

PyType_Spec tensor_spec = {"flambeau.Tensor", sizeof(Tensor), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, tensor_slots};

}  // namespace

TensorRef retype(Tensor& t, PyTypeObject* type) {
  auto* made = reinterpret_cast<Tensor*>(type->tp_alloc(type, 0));
  if (!made) throw PythonError();
  retain(t.storage);
  made->storage = t.storage;
  made->dtype = t.dtype;
  made->sizes = made->inline_layout;
  set_layout(*made, sizes_of(t), strides_of(t), t.offset);
  return TensorRef::steal(made);
}

void mark_requires_grad(Tensor& t, bool wanted) { set_requires_grad(t, wanted); }

void initialize_tensor_type(PyObject* module) {
  tensor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&tensor_spec));
  PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type));
}

}  // namespace flambeau
