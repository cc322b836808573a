// What compiled functions (flambeau/compiled) ask before each call: what its arguments are like,
// and whether Python values still are what they were. Needs the GIL.
#include <cstring>

#include "dispatch/layout_key.h"
#include "python/bind.h"
#include "python/overrides.h"

namespace flambeau {

namespace {

bool add_value(std::string& key, PyObject* o, PyObject* tensors) {
  if (is_tensor(o)) {
    if (has_override(&o, 1)) return false;
    // An attribute of the program's own, which it may read and nothing here follows.
    if (as_tensor(o)->dict && PyDict_GET_SIZE(as_tensor(o)->dict)) return false;
    Py_ssize_t n = PyList_GET_SIZE(tensors), same = 0;
    while (same < n && PyList_GET_ITEM(tensors, same) != o) ++same;
    key.push_back('t');
    put(key, same < n ? same : -1);
    return put_layout(key, *as_tensor(o), false) && PyList_Append(tensors, o) == 0;
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

/// (bytes, [tensors]) of a call, or None for arguments of other kinds and modes in which calls are
/// to be looked at otherwise.
std::optional<std::tuple<Bytes, Object>> call_key(PyObject* args, PyObject* kwargs) {
  check<TypeError>(PyTuple_Check(args) && PyDict_Check(kwargs),
                   [] { return message("_call_key(): takes a tuple and a dict."); });
  Bytes key;
  if (!put_modes(key)) return std::nullopt;
  Object tensors = owned(PyList_New(0));
  for (PyObject* o : Items(args))
    if (!add_value(key, o, tensors.get())) return std::nullopt;
  PyObject *name, *value;
  for (Py_ssize_t at = 0; PyDict_Next(kwargs, &at, &name, &value);) {
    key.push_back('k');
    key.append(text_of(name)).push_back(0);
    if (!add_value(key, value, tensors.get())) return std::nullopt;
  }
  return std::tuple(std::move(key), std::move(tensors));
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

/// Whether holds(fields) of each tuple of a list.
template <class Holds>
bool every(PyObject* list, Holds&& holds) {
  check<TypeError>(PyList_CheckExact(list), [] { return message("_unchanged(): takes lists."); });
  for (PyObject* tuple : Items(list))
    if (!holds(PySequence_Fast_ITEMS(tuple))) return false;
  return true;
}

/// items: (dict, key, value or ... where there is none); lengths: (dict, length); cells: (cell,
/// value); kinds: (object, class, dict of attributes or None); classes: (class, its tag).
bool unchanged(PyObject* items, PyObject* lengths, PyObject* cells, PyObject* kinds,
               PyObject* classes) {
  auto has_tag = [](PyObject** f) {
    const unsigned long tag = tag_of(f[0]);
    return tag && tag == PyLong_AsUnsignedLong(f[1]);
  };
  auto has_length = [](PyObject** f) { return PyDict_Size(f[0]) == PyLong_AsSsize_t(f[1]); };
  auto has_item = [](PyObject** f) {
    Object now = Object::borrow(PyDict_GetItemWithError(f[0], f[1]));
    if (!now && PyErr_Occurred()) throw PythonError();
    return is_same(now.get(), f[2] == Py_Ellipsis ? nullptr : f[2]);
  };
  auto has_value = [](PyObject** f) {
    Object now = Object::steal(PyCell_Get(f[0]));
    return is_same(now.get(), f[1]);
  };
  auto is_kind = [](PyObject** f) {
    if (reinterpret_cast<PyObject*>(Py_TYPE(f[0])) != f[1]) return false;
    return f[2] == Py_None || owned(PyObject_GenericGetDict(f[0], nullptr)).get() == f[2];
  };
  const bool same = every(classes, has_tag) && every(lengths, has_length) &&
                    every(items, has_item) && every(cells, has_value) && every(kinds, is_kind);
  if (PyErr_Occurred()) throw PythonError();
  return same;
}

const NativeEntry entries[] = {
    fact(bind<call_key>("_call_key", "args, kwargs")),
    fact(bind<unchanged>("_unchanged", "items, lengths, cells, kinds, classes")),
    fact(bind<[](PyObject* cls) { return uint64_t{tag_of(cls)}; }>("_class_tag", "cls")),
    {}};

const Functions functions(entries), typed(entries_of<layout_key_functions>.data());

}  // namespace

}  // namespace flambeau
