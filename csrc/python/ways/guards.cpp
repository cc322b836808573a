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

/// The key of a call and its tensors; null for arguments of other kinds and modes in which calls
/// are to be looked at otherwise.
Object call_key(PyObject* args, PyObject* kwargs, PyObject* tensors) {
  check<TypeError>(PyTuple_Check(args) && PyDict_Check(kwargs),
                   [] { return message("a call has a tuple and a dict of arguments."); });
  std::string key;
  if (!put_modes(key)) return {};
  for (PyObject* o : Items(args))
    if (!add_value(key, o, tensors)) return {};
  PyObject *name, *value;
  for (Py_ssize_t at = 0; PyDict_Next(kwargs, &at, &name, &value);) {
    key.push_back('k');
    key.append(text_of(name)).push_back(0);
    if (!add_value(key, value, tensors)) return {};
  }
  return owned(PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
}

/// Whether `now` is `value`, or an equal number or text of the same type.
bool is_same(PyObject* now, PyObject* value) {
  if (now == value) return true;
  if (!now || !value || Py_TYPE(now) != Py_TYPE(value)) return false;
  if (PyFloat_CheckExact(now)) {
    double a = PyFloat_AS_DOUBLE(now), b = PyFloat_AS_DOUBLE(value);
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
  if (PyComplex_CheckExact(now)) {
    Py_complex a = PyComplex_AsCComplex(now), b = PyComplex_AsCComplex(value);
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

bool has_tag(PyObject** f) {
  const unsigned long tag = tag_of(f[0]);
  return tag && tag == PyLong_AsUnsignedLong(f[1]);
}

bool has_length(PyObject** f) { return PyDict_Size(f[0]) == PyLong_AsSsize_t(f[1]); }

bool is_item(PyObject* dict, PyObject* key, PyObject* value) {
  Object now = Object::borrow(PyDict_GetItemWithError(dict, key));
  if (!now && PyErr_Occurred()) throw PythonError();
  return is_same(now.get(), value);
}

bool has_item(PyObject** f) { return is_item(f[0], f[1], f[2] == Py_Ellipsis ? nullptr : f[2]); }

bool has_value(PyObject** f) {
  Object now = Object::steal(PyCell_Get(f[0]));
  return is_same(now.get(), f[1]);
}

bool is_kind(PyObject** f) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(f[0])) != f[1]) return false;
  return f[2] == Py_None || owned(PyObject_GenericGetDict(f[0], nullptr)).get() == f[2];
}

/// Of a list or a deque.
bool has_items(PyObject** f) {
  const Py_ssize_t n = PyList_GET_SIZE(f[1]);
  if (PySequence_Size(f[0]) != n) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    Object now = owned(PySequence_GetItem(f[0], i));
    if (!is_same(now.get(), PyList_GET_ITEM(f[1], i))) return false;
  }
  return true;
}

Object attributes_of(PyObject* cls) { return owned(PyObject_GetAttrString(cls, "__dict__")); }

/// Of a class what it holds itself.
bool has_attribute(PyObject** f) {
  Object now;
  if (!PyType_Check(f[0])) {
    now = Object::steal(PyObject_GetAttr(f[0], f[1]));
  } else {
    now = Object::steal(PyObject_GetItem(attributes_of(f[0]).get(), f[1]));
  }
  if (!now) PyErr_Clear();
  return is_same(now.get(), f[2]);
}

bool has_code(PyObject** f) {
  auto is = [](PyObject* now, PyObject* value) { return (now ? now : Py_None) == value; };
  return PyFunction_Check(f[0]) && PyFunction_GetCode(f[0]) == f[1] &&
         is(PyFunction_GetDefaults(f[0]), f[2]) && is(PyFunction_GetKwDefaults(f[0]), f[3]);
}

bool has_bases(PyObject** f) {
  return reinterpret_cast<PyTypeObject*>(f[0])->tp_mro == f[1] &&
         PyObject_Size(attributes_of(f[0]).get()) == PyLong_AsSsize_t(f[2]);
}

bool has_order(PyObject** f) {
  const Py_ssize_t n = PyTuple_GET_SIZE(f[1]);
  if (PyDict_Size(f[0]) != n) return false;
  PyObject *key, *value;
  for (Py_ssize_t at = 0, i = 0; PyDict_Next(f[0], &at, &key, &value); ++i)
    if (i >= n || !is_same(key, PyTuple_GET_ITEM(f[1], i))) return false;
  return true;
}

bool has_members(PyObject** f) {
  const int equal = PyObject_RichCompareBool(f[0], f[1], Py_EQ);
  if (equal < 0) throw PythonError();
  return equal;
}

/// Lists of tuples; in this order. tags: (class, its tag); lengths: (dict, length); items: (dict,
/// key, value or ... where there is none); cells: (cell, value); kinds: (object, class, dict of
/// attributes or None); sequences: (list or deque, its items); slots: (object or class, attribute,
/// value); functions: (function, code, defaults, defaults by name); classes: (class, its mro, how
/// many attributes); orders: (dict, its keys); sets: (set, equal set).
constexpr bool (*checks_of[])(PyObject**) = {has_tag,   has_length, has_item,      has_value,
                                             is_kind,   has_items,  has_attribute, has_code,
                                             has_bases, has_order,  has_members};
constexpr Py_ssize_t n_checks = std::size(checks_of);

bool unchanged(PyObject* lists) {
  check<TypeError>(PyTuple_Check(lists) && PyTuple_GET_SIZE(lists) == n_checks,
                   [] { return message("_unchanged(): takes ", n_checks, " lists."); });
  bool same = true;
  for (Py_ssize_t i = 0; i < n_checks && same; ++i)
    same = every(PyTuple_GET_ITEM(lists, i), checks_of[i]);
  if (PyErr_Occurred()) throw PythonError();
  return same;
}

/// Whether a list of tensors is described by `layouts`, None: not asked.
bool are_laid_out(PyObject* tensors, bool exact, PyObject* layouts) {
  if (layouts == Py_None) return true;
  std::string now;
  for (PyObject* t : Items(tensors))
    if (!put_layout(now, *as_tensor(t), exact)) return false;
  return PyBytes_GET_SIZE(layouts) == static_cast<Py_ssize_t>(now.size()) &&
         std::memcmp(PyBytes_AS_STRING(layouts), now.data(), now.size()) == 0;
}

/// Whether sizes of a list of tensors are in ranges, four numbers each: which tensor and dim, the
/// least and the most.
bool are_in_ranges(PyObject* tensors, PyObject* ranges) {
  const Py_ssize_t n = PyTuple_GET_SIZE(ranges);
  auto number = [&](Py_ssize_t i) { return PyLong_AsSsize_t(PyTuple_GET_ITEM(ranges, i)); };
  for (Py_ssize_t i = 0; i + 3 < n; i += 4) {
    const Tensor& t = *as_tensor(PyList_GET_ITEM(tensors, number(i)));
    const int64_t size = t.sizes[number(i + 1)];
    if (size < number(i + 2) || size > number(i + 3)) return false;
  }
  return true;
}

/// Entries are tuples: (layouts of the arguments or None, tensors from elsewhere, their layouts or
/// None, whether sizes are part of these, lists for `unchanged`, ranges of sizes, ...).
bool holds(PyObject* entry, PyObject* tensors) {
  check<TypeError>(PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) > 5 &&
                       PyList_CheckExact(PyTuple_GET_ITEM(entry, 1)) &&
                       PyTuple_CheckExact(PyTuple_GET_ITEM(entry, 5)),
                   [] { return message("_find_program(): an entry is a tuple."); });
  auto field = [&](Py_ssize_t i) { return PyTuple_GET_ITEM(entry, i); };
  return are_in_ranges(tensors, field(5)) && are_laid_out(tensors, true, field(0)) &&
         are_laid_out(field(1), field(3) == Py_True, field(2)) && unchanged(field(4));
}

/// (key, [tensors], entry or None) of a call, whose program is to be found in a dict of lists of
/// entries; None where the call has to be looked at otherwise.
Object find_program(PyObject* programs, PyObject* args, PyObject* kwargs) {
  Object tensors = owned(PyList_New(0)), found = Object::borrow(Py_None);
  Object key = call_key(args, kwargs, tensors.get());
  if (!key) return found;
  // Held: what is compared may run Python, which may make or forget programs.
  Object entries = Object::borrow(PyDict_GetItemWithError(programs, key.get()));
  if (entries)
    for (PyObject* item : Items(entries.get())) {
      Object entry = Object::borrow(item);
      if (holds(item, tensors.get())) {
        found = std::move(entry);
        break;
      }
    }
  if (PyErr_Occurred()) throw PythonError();
  return owned(PyTuple_Pack(3, key.get(), tensors.get(), found.get()));
}

const NativeEntry entries[] = {
    fact(bind<find_program>("_find_program", "programs, args, kwargs")),
    fact(bind<unchanged>("_unchanged", "lists")),
    fact(bind<[](PyObject* cls) { return uint64_t{tag_of(cls)}; }>("_class_tag", "cls")),
    {}};

const Functions functions(entries), typed(entries_of<layout_key_functions>.data());

}  // namespace

}  // namespace flambeau
