#include "python/parse.h"

#include <algorithm>

#include "python/args.h"

namespace flambeau {

namespace {

bool is_any_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }
bool is_no_integer(PyObject* o) {
  return PyBool_Check(o) || PyFloat_Check(o) || PyComplex_Check(o) || is_any_text(o) ||
         PyDict_Check(o);
}
/// Iterators, and what only has __getitem__, need not have an end.
bool is_endless(PyObject* o) {
  return !PyIndex_Check(o) && (!PySequence_Check(o) || !Py_TYPE(o)->tp_iter);
}
bool is_no_size(PyObject* o) {
  if (!is_list(o)) return is_no_integer(o) || is_endless(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  return std::any_of(items, items + PySequence_Fast_GET_SIZE(o), is_no_integer);
}

/// What can't be given where a letter stands (parse.h).
bool is_wrong(char kind, PyObject* o) {
  switch (kind) {
    case 'b': return !is_bool(o);
    case 'i': return is_no_integer(o) || is_list(o);
    case 'z': return is_no_size(o);
    case 's': return is_no_size(o) || (PyIndex_Check(o) && !is_list(o) && !is_tensor(o));
    case 'p': return !PyUnicode_Check(o) && is_no_size(o);
    case 'n': return is_any_text(o) || is_list(o) || PyDict_Check(o);
    case 't': return !is_dtype(o) && !PyType_Check(o);
    case 'm': return !is_memory_format(o);
    default: return is_tensor(o) || is_no_integer(o) || PyLong_Check(o);  // 'l'
  }
}

bool fits(char kind, PyObject* o) {
  if (kind == '*') return true;
  char small = static_cast<char>(kind | 0x20);
  if (o == Py_None) return small != kind;
  if (PyLong_CheckExact(o)) return small == 'i' || small == 'z' || small == 'p' || small == 'n';
  if (PyBool_Check(o)) return small == 'b' || small == 'n';
  return !is_wrong(small, o);
}

}  // namespace

Parameters::Parameters(PyObject* names, std::string kinds, Py_ssize_t positional,
                       PyObject* defaults)
    : names_(Object::borrow(names)),
      defaults_(Object::borrow(defaults)),
      kinds_(std::move(kinds)),
      positional_(positional),
      most_(count()) {
  checked_ = std::min<Py_ssize_t>(positional, static_cast<Py_ssize_t>(kinds_.size()));
  while (checked_ > 0 && kinds_[static_cast<size_t>(checked_) - 1] == '*') --checked_;
  while (first_ < checked_ && kinds_[static_cast<size_t>(first_)] == '*') ++first_;
  any_ = kinds_.find_first_not_of('*') != std::string::npos;
}

Parameters::Parameters(const char* signature) : checked_(0), any_(false) {
  Object text = owned(PyUnicode_FromString(signature));
  Object read = called(imported<"flambeau.calls", "parameters_of">(), text.get());
  PyObject *names, *defaults;
  if (!PyArg_ParseTuple(read.get(), "OOnnn", &names, &defaults, &positional_, &rest_, &required_))
    throw PythonError();
  names_ = Object::borrow(names);
  defaults_ = Object::borrow(defaults);
  most_ = rest_ < 0 ? positional_ : PY_SSIZE_T_MAX;
}

Py_ssize_t Parameters::place(PyObject* key) const {
  PyObject* const* names = PySequence_Fast_ITEMS(names_.get());
  PyObject* const* end = names + count();
  PyObject* const* found = std::find(names, end, key);
  if (found == end)  // a keyword made at run time is another object
    found = std::find_if(names, end, [&](PyObject* name) { return !PyUnicode_Compare(name, key); });
  return found == end ? -1 : found - names;
}

Py_ssize_t Parameters::place_of_spelling(PyObject* key) const {
  if (!spellings_) spellings_ = called(imported<"flambeau.calls", "spellings">(), names_.get());
  PyObject* at = PyDict_GetItemWithError(spellings_.get(), key);
  return at ? PyLong_AsSsize_t(at) : -1;
}

void Parameters::bind(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                      PyObject** slots, PyObject** out) const {
  const Py_ssize_t all = count(), placed = rest_ < 0 ? n : std::min(n, rest_);
  bool fits = n <= most_;
  if (fits) std::fill(std::copy(args, args + placed, slots), slots + all, nullptr);
  for (Py_ssize_t k = 0; fits && k < count_of(keys); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    Py_ssize_t at = place(key);
    if (at < 0) at = place_of_spelling(key);
    if (at < 0 && out && is_text(key, "out")) {
      *out = args[n + k];
      continue;
    }
    fits = at >= 0 && !slots[at] && !(at == rest_ && n > rest_);
    if (fits) slots[at] = args[n + k];
  }
  for (Py_ssize_t i = placed; fits && i < all; ++i) {
    if (slots[i] || i == rest_) continue;
    slots[i] = default_at(static_cast<size_t>(i));
    fits = slots[i] != Py_Ellipsis;
  }
  if (fits) return;
  Object facts = owned(Py_BuildValue("nnnO", n, most_, rest_, out ? Py_True : Py_False));
  called(imported<"flambeau.calls", "refuse">(), function, names_.get(), defaults_.get(),
         keys ? keys : tuple_of(nullptr, 0).get(), facts.get());
}

bool Parameters::lay_out(PyObject* const* args, Py_ssize_t n, PyObject* keys, PyObject** slots,
                         uint32_t& given) const {
  const Py_ssize_t all = count();
  if (n > positional_ || all > few_parameters) return false;
  PyObject* const* defaults = PySequence_Fast_ITEMS(defaults_.get());
  std::copy(args, args + n, slots);
  std::copy(defaults + n, defaults + all, slots + n);
  given = (uint32_t{1} << n) - 1;
  for (Py_ssize_t k = 0; k < count_of(keys); ++k) {
    const Py_ssize_t at = place(PyTuple_GET_ITEM(keys, k));
    if (at < n) return false;
    slots[at] = args[n + k];
    given |= uint32_t{1} << at;
  }
  return std::find(slots + n, slots + all, Py_Ellipsis) == slots + all;
}

Parameters::Fit Parameters::fit(PyObject* function, PyObject* const* args, Py_ssize_t n,
                                PyObject* keys) const {
  Fit result = Fit::right;
  auto look_at = [&](Py_ssize_t place, PyObject* name, PyObject* o) {
    char kind = kinds_[static_cast<size_t>(place)];
    if (kind == '*') return;
    if (!fits(kind, o)) {
      Object letter = owned(PyUnicode_FromStringAndSize(&kind, 1));
      Object::steal(PyObject_CallFunctionObjArgs(imported<"flambeau.calls", "refuse_type">(),
                                                 function, name, letter.get(), o, nullptr));
      result = Fit::wrong;
    } else if (takes_dtype(place) && PyType_Check(o)) {
      result = Fit::right_but_types;
    }
  };
  for (Py_ssize_t i = first_, end = std::min(n, checked_); i < end; ++i) {
    look_at(i, PyTuple_GET_ITEM(names_.get(), i), args[i]);
    if (result == Fit::wrong) return result;
  }
  if (!keys || !any_) return result;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    Py_ssize_t i = place(key);
    if (i < 0) i = place_of_spelling(key);
    if (i >= 0) look_at(i, key, args[n + k]);
    if (result == Fit::wrong) return result;
  }
  return result;
}

std::vector<PyObject*> Parameters::with_dtypes(PyObject* const* args, Py_ssize_t n,
                                               PyObject* keys) const {
  std::vector<PyObject*> result(args, args + n + count_of(keys));
  for (Py_ssize_t i = 0; i < static_cast<Py_ssize_t>(result.size()); ++i) {
    Py_ssize_t at = i < n ? i : place(PyTuple_GET_ITEM(keys, i - n));
    if (at < 0 || at >= static_cast<Py_ssize_t>(kinds_.size())) continue;
    DType meant;
    if (takes_dtype(at) && is_python_dtype(result[i], meant)) result[i] = dtype_object(meant);
  }
  return result;
}

}  // namespace flambeau
