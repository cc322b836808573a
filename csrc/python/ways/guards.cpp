// What compiled functions (flambeau/compiled) ask before each call: what its arguments are like,
// and whether Python values still are what they were. Needs the GIL.
#include <Python.h>

#include <string>

#include "autograd/door.h"
#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"
#include "python/args.h"
#include "python/overrides.h"

namespace flambeau {

namespace {

template <class T>
void put(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_layout(std::string& key, const Tensor& t) {
  key.append(reinterpret_cast<const char*>(t.sizes), t.ndim * sizeof(int64_t));
  key.append(reinterpret_cast<const char*>(t.strides), t.ndim * sizeof(int64_t));
}

/// Type, dtype, number of dims, modes of a tensor, and which sizes are 1; with `exact` (or gaps)
/// all sizes and strides. False for one that no program takes: without elements, off the CPU,
/// batched.
bool describe(std::string& key, PyObject* o, bool exact) {
  const Tensor& t = *as_tensor(o);
  if (t.numel == 0 || t.batched || !(t.device() == on_cpu) ||
      !(t.storage->data || t.storage->waiting))
    return false;
  put(key, Py_TYPE(o));
  key.push_back(static_cast<char>(t.dtype));
  key.push_back(static_cast<char>(t.ndim));
  key.push_back(static_cast<char>(requires_grad(t) | t.contiguous << 1 | t.inference << 2));
  uint64_t ones = 0;
  for (int d = 0; d < t.ndim; ++d) ones = ones << 1 | (t.sizes[d] == 1);
  put(key, ones);
  if (exact || !t.contiguous) put_layout(key, t);
  return true;
}

bool add_value(std::string& key, PyObject* o, PyObject* tensors) {
  if (is_tensor(o)) {
    if (has_override(&o, 1)) return false;
    // An attribute of the program's own, which it may read and nothing here follows.
    if (as_tensor(o)->dict && PyDict_GET_SIZE(as_tensor(o)->dict)) return false;
    Py_ssize_t n = PyList_GET_SIZE(tensors), same = 0;
    while (same < n && PyList_GET_ITEM(tensors, same) != o) ++same;
    key.push_back('t');
    put(key, same < n ? same : -1);
    return describe(key, o, false) && PyList_Append(tensors, o) == 0;
  }
  if (o == Py_None || o == Py_True || o == Py_False) {
    key.push_back(o == Py_None ? 'n' : o == Py_True ? 'y' : 'z');
    return true;
  }
  if (PyFloat_CheckExact(o)) {
    key.push_back('f');
    put(key, PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyLong_CheckExact(o)) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    key.push_back('i');
    put(key, value);
    return !overflow;
  }
  return false;
}

/// _call_key(args, kwargs) -> (bytes, [tensors]), or None for arguments of other kinds and modes in
/// which calls are to be looked at otherwise.
PyObject* py_call_key(const Call& call) {
  Args a(call);
  if (watchers || autocast.on || anomaly_mode || has_saved_hooks()) Py_RETURN_NONE;
  check<TypeError>(PyTuple_Check(a[0]) && PyDict_Check(a[1]),
                   [] { return message("_call_key(): takes a tuple and a dict."); });
  std::string key;
  key.push_back(static_cast<char>(grad_mode_enabled | inference_mode_enabled << 1));
  key.push_back(static_cast<char>(default_dtype));
  Object tensors = owned(PyList_New(0));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a[0]); ++i)
    if (!add_value(key, PyTuple_GET_ITEM(a[0], i), tensors.get())) Py_RETURN_NONE;
  PyObject *name, *value;
  for (Py_ssize_t at = 0; PyDict_Next(a[1], &at, &name, &value);) {
    key.push_back('k');
    key.append(text_of(name)).push_back(0);
    if (!add_value(key, value, tensors.get())) Py_RETURN_NONE;
  }
  Object bytes = owned(PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
  return PyTuple_Pack(2, bytes.get(), tensors.get());
}

/// _describe_layouts(tensors, exact) -> bytes, or None where one is such that no program takes it.
PyObject* py_describe_layouts(const Call& call) {
  Args a(call);
  std::string key;
  Object list = owned(PySequence_Fast(a[0], "_describe_layouts(): takes a sequence."));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(list.get(), i);
    check<TypeError>(is_tensor(o), [] { return message("_describe_layouts(): takes Tensors."); });
    if (!describe(key, o, a.truth(1))) Py_RETURN_NONE;
  }
  return PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size()));
}

/// Whether `now` is `value`, or an equal number or text of the same type.
bool is_same(PyObject* now, PyObject* value) {
  if (now == value) return true;
  if (!now || !value || Py_TYPE(now) != Py_TYPE(value)) return false;
  if (PyFloat_CheckExact(now)) {
    double a = PyFloat_AS_DOUBLE(now), b = PyFloat_AS_DOUBLE(value);
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
  if (!PyLong_CheckExact(now) && !PyUnicode_CheckExact(now) && !PyBytes_CheckExact(now))
    return false;
  int equal = PyObject_RichCompareBool(now, value, Py_EQ);
  if (equal < 0) throw PythonError();
  return equal;
}

/// A number that a class has until it, or a class that it inherits from, is given or loses an
/// attribute; 0: it has been changed so often that the interpreter counts no longer.
unsigned long tag_of(PyObject* cls) {
  check<TypeError>(PyType_Check(cls), [] { return message("_class_tag(): takes a class."); });
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
#if PY_VERSION_HEX >= 0x030C0000
  PyUnstable_Type_AssignVersionTag(type);
#else
  if (!type->tp_version_tag) {  // a look-up gives it one
    static PyObject* name = PyUnicode_InternFromString("__class__");
    _PyType_Lookup(type, name);
  }
#endif
  return type->tp_version_tag;
}

/// _unchanged(items, lengths, cells, kinds, classes): (dict, key, value or ... where there is
/// none), (dict, length), (cell, value), (object, class, dict of attributes or None), (class, its
/// tag).
PyObject* py_unchanged(const Call& call) {
  Args a(call);
  for (int i = 0; i < 5; ++i)
    check<TypeError>(PyList_CheckExact(a[i]),
                     [] { return message("_unchanged(): takes five lists."); });
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a[4]); ++i) {
    PyObject* pair = PyList_GET_ITEM(a[4], i);
    unsigned long tag = tag_of(PyTuple_GET_ITEM(pair, 0));
    if (!tag || tag != PyLong_AsUnsignedLong(PyTuple_GET_ITEM(pair, 1))) Py_RETURN_FALSE;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a[1]); ++i) {
    PyObject* pair = PyList_GET_ITEM(a[1], i);
    if (PyDict_Size(PyTuple_GET_ITEM(pair, 0)) != PyLong_AsSsize_t(PyTuple_GET_ITEM(pair, 1)))
      Py_RETURN_FALSE;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a[0]); ++i) {
    PyObject* item = PyList_GET_ITEM(a[0], i);
    PyObject* value = PyTuple_GET_ITEM(item, 2);
    Object now = Object::borrow(
        PyDict_GetItemWithError(PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1)));
    if (!now && PyErr_Occurred()) throw PythonError();
    if (!is_same(now.get(), value == Py_Ellipsis ? nullptr : value)) Py_RETURN_FALSE;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a[2]); ++i) {
    PyObject* pair = PyList_GET_ITEM(a[2], i);
    Object now = Object::steal(PyCell_Get(PyTuple_GET_ITEM(pair, 0)));
    if (!is_same(now.get(), PyTuple_GET_ITEM(pair, 1))) Py_RETURN_FALSE;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a[3]); ++i) {
    PyObject *item = PyList_GET_ITEM(a[3], i), *object = PyTuple_GET_ITEM(item, 0);
    PyObject* dict = PyTuple_GET_ITEM(item, 2);
    if (reinterpret_cast<PyObject*>(Py_TYPE(object)) != PyTuple_GET_ITEM(item, 1)) Py_RETURN_FALSE;
    if (dict == Py_None) continue;
    Object now = owned(PyObject_GenericGetDict(object, nullptr));
    if (now.get() != dict) Py_RETURN_FALSE;
  }
  if (PyErr_Occurred()) throw PythonError();
  Py_RETURN_TRUE;
}

const NativeEntry entries[] = {
    fact({"_call_key", "args, kwargs", py_call_key, "What the arguments of a call are like."}),
    fact({"_describe_layouts", "tensors, exact", py_describe_layouts, "What tensors are like."}),
    fact({"_unchanged", "items, lengths, cells, kinds, classes", py_unchanged,
          "Whether Python values are what they were."}),
    fact({"_class_tag", "cls",
          [](const Call& call) { return PyLong_FromUnsignedLong(tag_of(Args(call)[0])); },
          "A number that changes with a class."}),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
