// Operators that are implemented in Python: what is checked, cast and spelled anew before the
// implementation is called, and what is done with its result.
#include <Python.h>

#include <cstring>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "python/bind.h"
#include "python/door.h"
#include "python/operator.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------------------
// the call

/// The implementation's result for arguments that are as it takes them.
PyObject* invoke(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (!self.node_type)
    return PyObject_Vectorcall(self.implementation, args, static_cast<size_t>(n), keys);
  return guarded([&] { return call_primitive(self, args, n, keys).release(); });
}

/// TypeError in place of an AttributeError, if what lacks the attribute is an argument: only
/// tensors have what operators ask for.
void name_wrong_type(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  Unraised error;
  guarded([&] {
    Object name = owned(PyUnicode_FromString(name_of(self))), by_place = tuple_of(args, n),
           by_name = dict_of(keys, args + n);
    called(imported<"flambeau.ops.core.wrong_types", "name_wrong_type">(), name.get(),
           self.parameters->names(), error.value(), by_place.get(), by_name.get());
    error.raise();
    return 0;
  });
}

/// Whether an error says that Python could not lay arguments out: of the implementation, which has
/// no traceback then, or of what it wraps.
bool is_misfit() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  bool misfit = !traceback;
  if (traceback && !reinterpret_cast<PyTracebackObject*>(traceback)->tb_next) {
    Object text = Object::steal(PyObject_Str(value));
    const char* told = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
    misfit =
        told && (std::strstr(told, "positional argument") || std::strstr(told, "keyword argu"));
    PyErr_Clear();
  }
  PyErr_Restore(type, value, traceback);
  return misfit;
}

/// TypeError in the operator's own words, if the arguments are not those that it takes.
void name_wrong_call(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (!is_misfit()) return;
  Unraised error;
  guarded([&] {
    std::vector<PyObject*> slots(static_cast<size_t>(self.parameters->count()));
    PyObject* out = nullptr;
    self.parameters->bind(reinterpret_cast<PyObject*>(&self), args, n, keys, slots.data(),
                          self.out == Operator::Out::none ? nullptr : &out);
    return 0;
  });
  if (!PyErr_Occurred()) error.raise();
}

/// dtype= of out, unless the call names a dtype itself.
void compute_in(const Operator& self, PyObject* out, Py_ssize_t n, std::vector<PyObject*>& given,
                std::vector<PyObject*>& names) {
  static PyObject* word = PyUnicode_InternFromString("dtype");
  auto is_dtype = [](PyObject* name) { return is_text(name, "dtype"); };
  auto at = std::find_if(names.begin(), names.end(), is_dtype);
  const Py_ssize_t place = self.parameters->place(word);
  PyObject* dtype = dtype_object(as_tensor(out)->dtype);
  PyObject** told = at != names.end() ? &given[static_cast<size_t>(n + (at - names.begin()))]
                    : place < n       ? &given[static_cast<size_t>(place)]
                                      : nullptr;
  if (told) {
    if (*told == Py_None) *told = dtype;
    return;
  }
  names.push_back(word);
  given.push_back(dtype);
}

/// A call with keywords that are no parameters: out=, and NumPy's spellings.
PyObject* invoke_respelled(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  std::vector<PyObject*> given(args, args + n);
  std::vector<PyObject*> names;
  PyObject* out = Py_None;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    bool known = self.parameters->place(key) >= 0;
    if (!known && self.out != Operator::Out::none && is_text(key, "out")) {
      out = args[n + k];
      continue;
    }
    Py_ssize_t at = known ? -1 : self.parameters->place_of_spelling(key);
    names.push_back(at < 0 ? key : PyTuple_GET_ITEM(self.parameters->names(), at));
    given.push_back(args[n + k]);
  }
  if (self.out == Operator::Out::computed && is_tensor(out)) compute_in(self, out, n, given, names);
  Object spelled = tuple_of(names.data(), static_cast<Py_ssize_t>(names.size()));
  Object result = Object::steal(
      invoke(self, given.data(), n, PyTuple_GET_SIZE(spelled.get()) ? spelled.get() : nullptr));
  if (!result || out == Py_None) return result.release();
  Object inputs = Object::borrow(Py_None);  // of a result that is cast into out
  if (self.out == Operator::Out::same) inputs = tuple_of(nullptr, 0);
  if (self.out == Operator::Out::exact)
    inputs = tuple_of(given.data(), static_cast<Py_ssize_t>(given.size()));
  Object name = Object::steal(PyUnicode_FromString(name_of(self)));
  PyObject* put[] = {result.get(), out, name.get(), inputs.get()};
  return PyObject_Vectorcall(bound_operator("put_out"), put, 4, nullptr);
}

bool has_unknown(const Parameters& parameters, PyObject* keys) {
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keys); ++k)
    if (parameters.place(PyTuple_GET_ITEM(keys, k)) < 0) return true;
  return false;
}

PyObject* call_in_order(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  std::vector<PyObject*> given{reinterpret_cast<PyObject*>(&self)};
  given.insert(given.end(), args, args + n + count_of(keys));
  return PyObject_Vectorcall(bound_operator("called_in_order"), given.data(),
                             static_cast<size_t>(n) + 1, keys);
}

/// What was written while it was made counts for nothing once somebody sees it, nor that it shows
/// memory of what its implementation alone had.
void start_version(PyObject* result) {
  if (PyTuple_Check(result) && Py_REFCNT(result) == 1) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result); ++i)
      start_version(PyTuple_GET_ITEM(result, i));
    return;
  }
  if (!is_tensor(result) || Py_REFCNT(result) != 1) return;
  Tensor& t = *as_tensor(result);
  leave_lost_base(t);
  if (t.autograd || t.version_override || t.storage->version.references != 1) return;
  t.storage->version.value = 0;
}

/// What checked arguments give.
PyObject* run_checked(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  PyObject* result = keys && self.respells && has_unknown(*self.parameters, keys)
                         ? guarded([&] { return invoke_respelled(self, args, n, keys); })
                         : invoke(self, args, n, keys);
  if (result)
    start_version(result);
  else if (PyErr_ExceptionMatches(PyExc_AttributeError))
    name_wrong_type(self, args, n, keys);
  else if (PyErr_ExceptionMatches(PyExc_TypeError)) {
    name_wrong_call(self, args, n, keys);
    name_wrong_type(self, args, n, keys);
  }
  return result;
}

PyObject* run_python(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (n > self.parameters->positional() && PyDict_GetItemString(self.dict, "in_order"))
    return guarded([&] { return call_in_order(self, args, n, keys); });
  if (self.way && !(watchers & watch_inside) && !holds_dispatching(args, n + count_of(keys))) {
    PyObject* made = guarded([&] { return self.way->take(args, n, keys); });
    if (made || PyErr_Occurred()) return made;
  }
  if (autocast.on && casts_arguments(self))
    return guarded([&] { return run_cast(self, args, n, keys, self.precision); });
  const Parameters& parameters = *self.parameters;
  if (parameters.concerns(n, keys)) {
    switch (parameters.fit(reinterpret_cast<PyObject*>(&self), args, n, keys)) {
      case Parameters::Fit::wrong: return nullptr;
      case Parameters::Fit::right: break;
      case Parameters::Fit::right_but_types:
        return run_checked(self, parameters.with_dtypes(args, n, keys).data(), n, keys);
    }
  }
  return run_checked(self, args, n, keys);
}

/// Of what only other operators call: they have been asked about overrides.
PyObject* enter_inner(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  return watchers ? run_watched(as_operator(o), args, n, keys)
                  : run_python(as_operator(o), args, n, keys);
}

/// `node` is the name of a primitive's nodes, kinds has a letter for each of names (parse.h).
Object new_python_operator(PyObject* declared, PyObject* implementation, PyObject* names,
                           std::string kinds, int64_t positional, PyObject* defaults,
                           bool is_public, bool respells, Operator::Out out,
                           Operator::Precision autocast, std::optional<const char*> node,
                           bool keeps_format) {
  check<ValueError>(kinds.size() == static_cast<size_t>(PyTuple_Size(names)) &&
                        PyTuple_Size(names) == PyTuple_Size(defaults),
                    [] { return message("_operator(): a kind and a default for each name."); });
  Operator& self = new_operator(is_public ? enter<run_python> : enter_inner, run_python);
  Object made = Object::steal(reinterpret_cast<PyObject*>(&self));
  self.declared = Py_NewRef(declared);
  self.implementation = Py_NewRef(implementation);
  self.parameters = new Parameters(names, std::move(kinds), positional, defaults);
  self.is_private = !is_public;
  self.respells = respells;
  self.out = out;
  self.precision = autocast;
  self.keeps_format = keeps_format;
  if (node) make_primitive(self, *node);
  for (const char* attribute : {"__name__", "__qualname__", "__module__", "__doc__"}) {
    Object value = Object::steal(PyObject_GetAttrString(declared, attribute));
    if (value) PyDict_SetItemString(self.dict, attribute, value.get());
    PyErr_Clear();
  }
  return made;
}

const NativeEntry entries[] = {
    bind<new_python_operator>(
        "_operator",
        "declared, implementation, names, kinds, positional, defaults, public, respells, out, "
        "autocast, node, keeps_format",
        "An operator implemented in Python."),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
