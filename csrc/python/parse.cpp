#include "python/parse.h"

#include <algorithm>
#include <string_view>

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

/// What the letters stand for, and what can't be that.
struct Kind {
  char letter;
  const char* words;
  bool (*is_wrong)(PyObject* o);
};
constexpr Kind all_kinds[] = {
    {'b', "True or False", [](PyObject* o) { return !is_bool(o); }},
    {'i', "an int", [](PyObject* o) { return is_no_integer(o) || is_list(o); }},
    {'z', "an int or a sequence of ints", is_no_size},
    {'s', "a sequence of ints",
     [](PyObject* o) {
       return is_no_size(o) || (PyIndex_Check(o) && !is_list(o) && !is_tensor(o));
     }},
    {'p', "an int, a sequence of ints or the name of a padding",
     [](PyObject* o) { return !PyUnicode_Check(o) && is_no_size(o); }},
    {'n', "a number", [](PyObject* o) { return is_any_text(o) || is_list(o) || PyDict_Check(o); }},
    {'t', "a dtype", [](PyObject* o) { return !is_dtype(o) && !PyType_Check(o); }},
    {'m', "a memory format", [](PyObject* o) { return !is_memory_format(o); }},
    {'l', "a sequence of tensors",
     [](PyObject* o) { return is_tensor(o) || is_no_integer(o) || PyLong_Check(o); }},
};
const Kind& kind_of(char small) {
  return *std::find_if(std::begin(all_kinds), std::end(all_kinds) - 1,
                       [&](const Kind& kind) { return kind.letter == small; });
}

bool fits(char kind, PyObject* o) {
  if (kind == '*') return true;
  char small = static_cast<char>(kind | 0x20);
  if (o == Py_None) return small != kind;
  if (PyLong_CheckExact(o)) return small == 'i' || small == 'z' || small == 'p' || small == 'n';
  if (PyBool_Check(o)) return small == 'b' || small == 'n';
  return !kind_of(small).is_wrong(o);
}

void raise(PyObject* function, PyObject* name, char kind, PyObject* o) {
  Object called = Object::steal(PyObject_GetAttrString(function, "__name__"));
  if (!called) return;
  char small = static_cast<char>(kind | 0x20);
  const char *words = kind_of(small).words, *or_none = small == kind ? "" : ", or None";
  if (o == Py_None || (PyNumber_Check(o) && !is_tensor(o)) || is_any_text(o))
    PyErr_Format(PyExc_TypeError, "%U: %U takes %s%s, but got %.100R (%s).", called.get(), name,
                 words, or_none, o, Py_TYPE(o)->tp_name);
  else
    PyErr_Format(PyExc_TypeError, "%U: %U takes %s%s, but got a %s.", called.get(), name, words,
                 or_none, Py_TYPE(o)->tp_name);
}

}  // namespace

static std::string called(PyObject* function) {
  Object name = attribute_of(function, "__name__");
  const char* text = text_of(name.get());
  return text + (*text == '_');  // raw functions speak for their operators
}

bool is_spelling_of(PyObject* key, const char* name) {
  if (strcmp(name, "dim") == 0) return is_text(key, "axis");
  if (strcmp(name, "keepdim") == 0) return is_text(key, "keepdims");
  if (strcmp(name, "other") == 0) return is_text(key, "x2");
  if (strcmp(name, "split_size_or_sections") == 0)
    return is_text(key, "split_size") || is_text(key, "split_sizes");
  return strcmp(name, "input") == 0 &&
         (is_text(key, "self") || is_text(key, "a") || is_text(key, "x") || is_text(key, "x1"));
}

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

/// The value that a default is written as.
static Object value_of(std::string_view text) {
  if (text.empty()) return Object::borrow(Py_Ellipsis);
  if (text == "None") return Object::borrow(Py_None);
  if (text == "True") return Object::borrow(Py_True);
  if (text == "False") return Object::borrow(Py_False);
  return Object::steal(PyLong_FromString(std::string(text).c_str(), nullptr, 10));
}

static std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(", "), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return parts;
}

Parameters::Parameters(const char* signature) {
  std::vector<Object> names, defaults;
  positional_ = -1;
  std::string_view text = signature;
  for (std::string_view part : parts_of(text.substr(0, text.find(" -> ")))) {
    if (part == "*") {
      positional_ = static_cast<Py_ssize_t>(names.size());
      continue;
    }
    if (part.front() == '*') {
      part.remove_prefix(1);
      rest_ = positional_ = static_cast<Py_ssize_t>(names.size());
    }
    size_t end = std::min(part.find('='), part.size());
    names.push_back(
        Object::steal(PyUnicode_InternFromString(std::string(part.substr(0, end)).c_str())));
    defaults.push_back(value_of(part.substr(std::min(end + 1, part.size()))));
  }
  if (positional_ < 0) positional_ = static_cast<Py_ssize_t>(names.size());
  const auto n = static_cast<Py_ssize_t>(names.size());
  names_ = tuple_of(n, [&](Py_ssize_t i) { return names[static_cast<size_t>(i)]; });
  defaults_ = tuple_of(n, [&](Py_ssize_t i) { return defaults[static_cast<size_t>(i)]; });
  kinds_ = std::string(names.size(), '*');
  most_ = rest_ < 0 ? positional_ : PY_SSIZE_T_MAX;
  checked_ = 0;
  any_ = false;
  required_ = 0;
  for (size_t i = 0; i < defaults.size(); ++i) {
    const bool is_rest = static_cast<Py_ssize_t>(i) == rest_;
    if (defaults[i].get() == Py_Ellipsis && !is_rest) required_ = static_cast<Py_ssize_t>(i) + 1;
    fallback_.push_back(is_rest ? nullptr : defaults[i].get());
  }
}

Py_ssize_t Parameters::place(PyObject* key) const {
  for (Py_ssize_t i = 0; i < count(); ++i)
    if (PyTuple_GET_ITEM(names_.get(), i) == key) return i;
  for (Py_ssize_t i = 0; i < count(); ++i)  // a keyword made at run time is another object
    if (PyUnicode_Compare(PyTuple_GET_ITEM(names_.get(), i), key) == 0) return i;
  return -1;
}

Py_ssize_t Parameters::place_of_spelling(PyObject* key) const {
  for (Py_ssize_t i = 0; i < count(); ++i)
    if (is_spelling_of(key, text_of(PyTuple_GET_ITEM(names_.get(), i)))) return i;
  return -1;
}

std::string Parameters::listed() const {
  std::string text;
  for (Py_ssize_t i = 0; i < count(); ++i)
    text += std::string(i ? ", " : "") + (i == rest_ ? "*" : "") +
            text_of(PyTuple_GET_ITEM(names_.get(), i));
  return text;
}

void Parameters::bind(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                      PyObject** slots, PyObject** out) const {
  Py_ssize_t all = count();
  check<TypeError>(n <= most_, [&] {
    return message(called(function), ": takes ", most_, " arguments by position but was given ", n,
                   ". It takes (", listed(), ").");
  });
  Py_ssize_t placed = rest_ < 0 ? n : std::min(n, rest_);
  std::copy(args, args + placed, slots);
  std::fill(slots + placed, slots + all, nullptr);
  for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    Py_ssize_t at = place(key);
    if (at < 0) at = place_of_spelling(key);
    if (at < 0 && out && is_text(key, "out")) {
      *out = args[n + k];
      continue;
    }
    check<TypeError>(at >= 0, [&] {
      return message(called(function), ": has no argument '", text_of(key), "'. It takes (",
                     listed(), ").");
    });
    check<TypeError>(!slots[at] && !(at == rest_ && n > rest_), [&] {
      return message(called(function), ": argument '", text_of(key),
                     "' was given twice, by position and by name.");
    });
    slots[at] = args[n + k];
  }
  for (Py_ssize_t i = placed; i < all; ++i) {
    if (slots[i] || i == rest_) continue;
    slots[i] = PyTuple_GET_ITEM(defaults_.get(), i);
    check<TypeError>(slots[i] != Py_Ellipsis, [&] {
      return message(called(function), ": argument '", text_of(PyTuple_GET_ITEM(names_.get(), i)),
                     "' is missing. It takes (", listed(), ").");
    });
  }
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
      raise(function, name, kind, o);
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
