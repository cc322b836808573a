// Tensors as sequences: len(), iteration, t[index] and t[index] = value.
#include <algorithm>

#include "dispatch/bound.h"
#include "dispatch/subscript.h"
#include "python/bind.h"
#include "python/tensor/type.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

PyObject *get_item = nullptr, *set_item = nullptr;

Py_ssize_t tensor_length(PyObject* o) {
  if (is_overridden(o)) {
    Object answer = Object::steal(call_method_override("__len__", &o, 1));
    return answer ? PyNumber_AsSsize_t(answer.get(), PyExc_OverflowError) : -1;
  }
  Tensor& t = self_of(o);
  if (t.ndim == 0) {
    PyErr_SetString(PyExc_TypeError,
                    "len: a 0-dim tensor has no length. Use item() for its value.");
    return -1;
  }
  return t.sizes[0];
}

PyObject* tensor_iter(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Tensor& t = self_of(o);
    check<TypeError>(t.ndim > 0, [] {
      return message("iter: a 0-dim tensor has no dim to go along. Use item() for its value.");
    });
    // unbind is asked by its public name: of a subclass the items are of that class.
    Object list = owned(is_overridden(o) || is_sparse(t) ? PyObject_CallMethod(o, "unbind", "i", 0)
                                                         : tensor_tuple(unbind(t, 0)));
    return PyObject_GetIter(list.get());
  });
}

/// The value of an index that is an int; ValueError, as in PyTorch, where 64 bits do not hold it.
int64_t index_value(PyObject* index) {
  if (PyLong_CheckExact(index)) {
    int overflow;
    int64_t i = PyLong_AsLongLongAndOverflow(index, &overflow);
    check<ValueError>(!overflow, [] {
      return message("indexing: an index is beyond 64 bits, and so beyond any tensor.");
    });
    return i;
  }
  Object number = owned(PyNumber_Index(index));
  if (PyLong_CheckExact(number.get())) return index_value(number.get());
  return to_integer(number.get(), "index");
}

/// Adds one item; false if it is not basic.
bool add(BasicIndex& basic, PyObject* item) {
  if (item == Py_None) {
    basic.insert();
  } else if (item == Py_Ellipsis) {
    basic.ellipsis();
  } else if (PySlice_Check(item)) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(item, &start, &stop, &step) < 0) throw PythonError();
    basic.slice(start, stop, step);
  } else if (PyBool_Check(item) || is_tensor(item) || !PyIndex_Check(item) ||
             PySequence_Check(item)) {
    return false;
  } else {
    basic.select(index_value(item));
  }
  return true;
}

/// The view that a basic index shows; null if the index is not basic.
TensorRef basic_view(Tensor& t, PyObject* index) {
  if (PyLong_CheckExact(index) && t.ndim > 0) {
    int64_t i = index_value(index);
    if (i < -t.sizes[0] || i >= t.sizes[0]) throw_outside(i, 0, t.sizes[0], "indexing");
    return select(t, 0, i);
  }
  const bool is_tuple = PyTuple_Check(index);
  PyObject* const* items = is_tuple ? PySequence_Fast_ITEMS(index) : &index;
  const Py_ssize_t n = is_tuple ? PyTuple_GET_SIZE(index) : 1;
  BasicIndex basic(t, static_cast<int>(std::count_if(items, items + n, [](PyObject* item) {
                     return item != Py_None && item != Py_Ellipsis;
                   })));
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!add(basic, items[i])) return nullptr;
  return basic.view();
}

PyObject* item(PyObject* o, PyObject* index) {
  if (TensorRef v = basic_view(self_of(o), index)) return v.release_py();
  PyObject* args[] = {o, index};
  return PyObject_Vectorcall(bound_operator("index_get"), args, 2, nullptr);
}

PyObject* subscript(PyObject* o, PyObject* index) {
  PyObject* args[] = {o, index};
  if (is_overridden(o)) return call_method_override("__getitem__", args, 2);
  return guarded(
      [&] { return watchers ? PyObject_Vectorcall(get_item, args, 2, nullptr) : item(o, index); });
}

void put_item(PyObject* o, PyObject* index, PyObject* value);

int assign_subscript(PyObject* o, PyObject* index, PyObject* value) {
  PyObject *both[] = {o, value}, *args[] = {o, index, value};
  if (is_overridden(both, value ? 2 : 1)) {
    Object done = Object::steal(
        call_method_override(value ? "__setitem__" : "__delitem__", args, value ? 3 : 2));
    return done ? 0 : -1;
  }
  return guarded([&] {
    if (!watchers || !value) {
      put_item(o, index, value);
      return 0;
    }
    return Object::steal(PyObject_Vectorcall(set_item, args, 3, nullptr)) ? 0 : -1;
  });
}

void put_item(PyObject* o, PyObject* index, PyObject* value) {
  check<TypeError>(value != nullptr, [] {
    return message("indexing: items of a tensor cannot be deleted. Select the ones to keep.");
  });
  Tensor& t = self_of(o);
  bool plain = is_tensor(value) || is_number(value);
  TensorRef v = plain ? basic_view(t, index) : nullptr;
  if (!v) {
    called(bound_operator("index_set"), o, index, value);
    return;
  }
  if (is_tensor(value))
    put_into(*v, *as_tensor(value));
  else
    put_into(t, *v, value);
}

/// The same as operators, for whoever watches.
const NativeEntry entries[] = {
    bind<[](Tensor& t, PyObject* index) { return item(t.py(), index); }>(
        "__getitem__", "input, index", "input[index].", Mixing::all),
    bind<[](Tensor& t, PyObject* index, PyObject* value) { put_item(t.py(), index, value); }>(
        "__setitem__", "input, index, value", "input[index] = value.", Mixing::all),
    {}};
const Functions functions(entries);

}  // namespace

void initialize_subscripts(PyObject* module) {
  get_item = PyObject_GetAttrString(module, "__getitem__");
  set_item = PyObject_GetAttrString(module, "__setitem__");
}

const Slots subscript_slots = {slot(Py_tp_iter, tensor_iter), slot(Py_mp_length, tensor_length),
                               slot(Py_mp_subscript, subscript),
                               slot(Py_mp_ass_subscript, assign_subscript)};

}  // namespace flambeau
