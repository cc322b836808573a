// Python objects made of others, owned from their birth: what Python could not make throws. Need
// the GIL.
#pragma once
#include <Python.h>

#include <algorithm>
#include <type_traits>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

/// Takes over a new reference, which is null where an error is set.
inline Object owned(PyObject* made) {
  if (!made) throw PythonError();
  return Object::steal(made);
}

/// What a call of Python code has given.
template <class... Args>
Object called(PyObject* callable, Args... args) {
  PyObject* given[] = {args..., nullptr};
  return owned(PyObject_Vectorcall(callable, given, sizeof...(Args), nullptr));
}
inline Object attribute_of(PyObject* o, const char* name) {
  return owned(PyObject_GetAttrString(o, name));
}
/// MODULE.name, imported when first asked for; borrowed. No static initialiser: another thread
/// would wait for it with the GIL that the import may have given up.
template <Name module, Name name>
PyObject* imported() {
  static PyObject* known = nullptr;
  if (!known)
    known = attribute_of(owned(PyImport_ImportModule(module.text)).get(), name.text).release();
  return known;
}

/// (item(0), item(1), ...) of new references, or of Objects.
template <class Item>
  requires std::is_invocable_v<Item, Py_ssize_t>
Object tuple_of(Py_ssize_t n, Item&& item) {
  Object tuple = owned(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    Object made;
    if constexpr (std::is_pointer_v<decltype(item(i))>)
      made = owned(item(i));
    else
      made = item(i);
    PyTuple_SET_ITEM(tuple.get(), i, made.release());
  }
  return tuple;
}
inline Object tuple_of(PyObject* const* items, Py_ssize_t n) {
  return tuple_of(n, [&](Py_ssize_t i) { return Py_NewRef(items[i]); });
}
template <class Integer>
Object tuple_of_integers(const Integer* values, Py_ssize_t n) {
  return tuple_of(n, [&](Py_ssize_t i) { return PyLong_FromLongLong(values[i]); });
}
/// [item(0), item(1), ...] of Objects.
template <class Item>
Object list_of(Py_ssize_t n, Item&& item) {
  Object list = owned(PyList_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(list.get(), i, item(i).release());
  return list;
}

/// The error that was set, put aside.
class Unraised {
 public:
  Unraised() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~Unraised() { Py_XDECREF(type_), Py_XDECREF(value_), Py_XDECREF(traceback_); }
  Unraised(const Unraised&) = delete;
  explicit operator bool() const { return type_ != nullptr; }
  PyObject* value() {
    PyErr_NormalizeException(&type_, &value_, &traceback_);
    return value_;
  }
  PyObject* traceback() const { return traceback_; }
  /// Sets it again; what has been set meanwhile goes.
  void raise() const {
    PyErr_Restore(Py_XNewRef(type_), Py_XNewRef(value_), Py_XNewRef(traceback_));
  }

 private:
  PyObject *type_, *value_, *traceback_;
};

/// How many named arguments a call has; `keys` is a tuple of their names, or null.
inline Py_ssize_t count_of(PyObject* keys) { return keys ? PyTuple_GET_SIZE(keys) : 0; }
/// The named arguments of a call as a dict.
inline Object dict_of(PyObject* keys, PyObject* const* values) {
  Object dict = owned(PyDict_New());
  for (Py_ssize_t k = 0; k < count_of(keys); ++k)
    if (PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(keys, k), values[k]) < 0) throw PythonError();
  return dict;
}
inline bool is_text(PyObject* o, const char* text) {
  return PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, text) == 0;
}

/// The items of a list or tuple, whose size is asked each time.
class Items {
 public:
  explicit Items(PyObject* sequence) : sequence_(sequence) {}
  struct Iterator {
    PyObject* sequence;
    Py_ssize_t at;
    PyObject* operator*() const { return PySequence_Fast_GET_ITEM(sequence, at); }
    Iterator& operator++() { return ++at, *this; }
    bool operator!=(std::nullptr_t) const { return at < PySequence_Fast_GET_SIZE(sequence); }
  };
  Iterator begin() const { return {sequence_, 0}; }
  std::nullptr_t end() const { return nullptr; }

 private:
  PyObject* sequence_;
};
inline bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }
/// Calls visit(tensor) for the tensors in o, which is one, or a tuple or list.
template <class Visit>
void each_tensor(PyObject* o, Visit&& visit) {
  if (!o) return;
  if (is_tensor(o)) return visit(*as_tensor(o));
  if (!is_list(o)) return;
  for (PyObject* item : Items(o))
    if (is_tensor(item)) visit(*as_tensor(item));
}

/// What leaf(object), an Object, makes of all that is in o: o itself, or the items of a tuple or
/// list to a depth. Where nothing else comes out it is o.
template <class Leaf>
Object mapped(PyObject* o, Leaf&& leaf, int depth = 4) {
  if (depth == 0 || !is_list(o)) return leaf(o);
  bool same = true;
  Object items = list_of(PySequence_Fast_GET_SIZE(o), [&](Py_ssize_t i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    Object made = mapped(item, leaf, depth - 1);
    same &= made.get() == item;
    return made;
  });
  if (same) return Object::borrow(o);
  if (PyList_CheckExact(o)) return items;
  // A named tuple, or one of its kind, has _make.
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(o));
  Object make = Object::steal(PyObject_GetAttrString(type, "_make"));
  PyErr_Clear();
  return called(make ? make.get() : type, items.get());
}

}  // namespace flambeau
