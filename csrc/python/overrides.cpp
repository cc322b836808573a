#include "python/overrides.h"

#include <Python.h>
#include <structmember.h>

#include "python/args.h"
#include "python/expected.h"

namespace flambeau {

bool any_function_mode = false;

namespace {

constinit thread_local int function_modes = 0;
constinit thread_local bool subclasses_disabled = false;
int threads_in_modes = 0;
PyObject* disabled_implementation = nullptr;

PyObject* function_of_method(PyObject* method) {
  return method && PyMethod_Check(method) ? PyMethod_GET_FUNCTION(method) : method;
}

Override ask(PyTypeObject* type) {
  Object own = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__torch_function__"));
  if (!own) {
    PyErr_Clear();
    return Override::none;
  }
  if (own.get() == disabled_implementation) return Override::none;
  Object base = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__torch_function__"));
  PyErr_Clear();
  bool inherited = function_of_method(own.get()) == function_of_method(base.get());
  return inherited ? Override::inherited : Override::own;
}

}  // namespace

Override override_of(PyTypeObject* type) {
  if (type == tensor_type) return Override::none;
  // A type's version changes with its attributes, and no two types share one.
  struct Known {
    PyTypeObject* type;
    unsigned version;
    Override answer;
  };
  static Known table[256] = {};
  Known& known = table[reinterpret_cast<uintptr_t>(type) / 32 % 256];
  bool versioned = (type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) && type->tp_version_tag;
  if (versioned && known.type == type && known.version == type->tp_version_tag) return known.answer;
  Override answer = ask(type);
  if ((type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) && type->tp_version_tag)
    known = {type, type->tp_version_tag, answer};
  return answer;
}

bool may_override(PyObject* o) {
  if (subclasses_disabled) return false;
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyTuple_Type || type == &PyList_Type) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      PyTypeObject* item = Py_TYPE(PySequence_Fast_GET_ITEM(o, i));
      if (item != tensor_type && item != &PyLong_Type && override_of(item) != Override::none)
        return true;
    }
    return false;
  }
  return override_of(type) != Override::none;
}

bool in_function_mode() { return function_modes > 0; }

static PyObject* dispatch(PyObject* function, PyObject* args, PyObject* kwargs) {
  static PyObject* handler = nullptr;
  if (!handler) {
    Object module = Object::steal(PyImport_ImportModule("flambeau.overrides"));
    handler = module ? PyObject_GetAttrString(module.get(), "dispatch") : nullptr;
    if (!handler) return nullptr;
  }
  return PyObject_CallFunctionObjArgs(handler, function, args, kwargs, nullptr);
}

static Object tuple_of(PyObject* const* args, Py_ssize_t n) {
  Object tuple = Object::steal(PyTuple_New(n));
  for (Py_ssize_t i = 0; tuple && i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(args[i]));
  return tuple;
}

PyObject* call_override(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Object positional = tuple_of(args, n), named = Object::steal(PyDict_New());
  if (!positional || !named) return nullptr;
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i)
    if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(names, i), args[n + i]) < 0) return nullptr;
  return dispatch(function, positional.get(), named.get());
}

static Object attribute_of_tensor(const char* name) {
  return Object::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), name));
}

PyObject* call_method_override(const char* name, PyObject* const* args, Py_ssize_t n) {
  Object function = attribute_of_tensor(name);
  return function ? call_override(function.get(), args, n, nullptr) : nullptr;
}

static Object accessor(const char* property, const char* method) {
  Object descriptor = attribute_of_tensor(property);
  return descriptor ? Object::steal(PyObject_GetAttrString(descriptor.get(), method)) : Object();
}

PyObject* call_getter_override(const char* name, PyObject* self) {
  Object get = accessor(name, "__get__");
  return get ? call_override(get.get(), &self, 1, nullptr) : nullptr;
}

int call_setter_override(const char* name, PyObject* self, PyObject* value) {
  Object set = accessor(name, value ? "__set__" : "__delete__");
  PyObject* args[] = {self, value};
  Object done =
      set ? Object::steal(call_override(set.get(), args, value ? 2 : 1, nullptr)) : Object();
  return done ? 0 : -1;
}

// --------------------------------------------------------------------- Python functions as
// operators

namespace {

struct Overridable {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *function, *by_name, *explain;
  Expected* expected;  // of the arguments, where their names are known
  PyObject *dict, *weakrefs;
};
Overridable& overridable(PyObject* o) { return *reinterpret_cast<Overridable*>(o); }

/// What should hear of keywords: the function itself if it has them all.
PyObject* target_of(Overridable& self, PyObject* keys) {
  if (!keys || !self.by_name) return self.function;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); ++i)
    if (self.expected->place(PyTuple_GET_ITEM(keys, i)) < 0) return self.by_name;
  return self.function;
}

/// Lets `explain(error, args, kwargs)` raise a better error than an AttributeError.
void explain_error(Overridable& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  Object positional = tuple_of(args, n), named = Object::steal(PyDict_New());
  for (Py_ssize_t i = 0; keys && i < PyTuple_GET_SIZE(keys); ++i)
    PyDict_SetItem(named.get(), PyTuple_GET_ITEM(keys, i), args[n + i]);
  Object done = Object::steal(
      PyObject_CallFunctionObjArgs(self.explain, value, positional.get(), named.get(), nullptr));
  if (done) {
    PyErr_Restore(type, value, traceback);
    return;
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
}

PyObject* overridable_call(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  Overridable& self = overridable(o);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (is_overridden(args, n + (keys ? PyTuple_GET_SIZE(keys) : 0)))
    return call_override(o, args, n, keys);
  std::vector<PyObject*> converted;
  if (self.expected && self.expected->concerns(n, keys)) {
    switch (self.expected->fit(o, args, n, keys)) {
      case Expected::Fit::wrong: return nullptr;
      case Expected::Fit::right: break;
      case Expected::Fit::right_but_types:
        converted = self.expected->with_dtypes(args, n, keys);
        args = converted.data();
        nargsf = static_cast<size_t>(n);
    }
  }
  PyObject* result = PyObject_Vectorcall(target_of(self, keys), args, nargsf, keys);
  if (!result && self.explain && PyErr_ExceptionMatches(PyExc_AttributeError))
    explain_error(self, args, n, keys);
  return result;
}

/// Overridable(function, expected=None, by_name=None, explain=None): expected is (names, their
/// kinds, how many are positional); calls with keywords outside of the names go to by_name.
PyObject* overridable_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject *function, *names = nullptr, *by_name = nullptr, *explain = nullptr;
  const char* kinds = nullptr;
  Py_ssize_t positional = 0;
  static const char* keywords[] = {"function", "expected", "by_name", "explain", nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|(O!sn)OO", const_cast<char**>(keywords),
                                   &function, &PyTuple_Type, &names, &kinds, &positional, &by_name,
                                   &explain))
    return nullptr;
  if (names && strlen(kinds) != static_cast<size_t>(PyTuple_GET_SIZE(names))) {
    PyErr_SetString(PyExc_ValueError, "Overridable: expected one kind for each name.");
    return nullptr;
  }
  PyObject* o = type->tp_alloc(type, 0);
  if (!o) return nullptr;
  Overridable& self = overridable(o);
  self.vectorcall = overridable_call;
  self.function = Py_NewRef(function);
  self.by_name = names ? Py_XNewRef(by_name) : nullptr;
  self.explain = Py_XNewRef(explain);
  self.expected = names ? new Expected(names, kinds, positional) : nullptr;
  self.dict = PyDict_New();
  for (const char* name : {"__name__", "__qualname__", "__module__", "__doc__"}) {
    Object value = Object::steal(PyObject_GetAttrString(function, name));
    if (value) PyDict_SetItemString(self.dict, name, value.get());
    PyErr_Clear();
  }
  return o;
}

int overridable_traverse(PyObject* o, visitproc visit, void* arg) {
  Overridable& self = overridable(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self.function);
  Py_VISIT(self.by_name);
  Py_VISIT(self.explain);
  Py_VISIT(self.dict);
  return 0;
}
int overridable_clear(PyObject* o) {
  Overridable& self = overridable(o);
  Py_CLEAR(self.function);
  Py_CLEAR(self.by_name);
  Py_CLEAR(self.explain);
  Py_CLEAR(self.dict);
  return 0;
}
void overridable_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (overridable(o).weakrefs) PyObject_ClearWeakRefs(o);
  overridable_clear(o);
  delete overridable(o).expected;
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* overridable_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

/// Its own attributes, then the function's: signatures and defaults are read there.
PyObject* overridable_getattr(PyObject* o, PyObject* name) {
  PyObject* value = PyObject_GenericGetAttr(o, name);
  if (value || !overridable(o).function || !PyErr_ExceptionMatches(PyExc_AttributeError))
    return value;
  PyErr_Clear();
  return PyObject_GetAttr(overridable(o).function, name);
}

PyObject* overridable_repr(PyObject* o) {
  Object name = Object::steal(PyObject_GetAttrString(o, "__name__"));
  return name ? PyUnicode_FromFormat("<flambeau function %U>", name.get()) : nullptr;
}
PyMethodDef overridable_methods[] = {{"__reduce__", reduce_to_name, METH_NOARGS, nullptr},
                                     {nullptr, nullptr, 0, nullptr}};
PyMemberDef overridable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Overridable, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Overridable, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Overridable, weakrefs), READONLY, nullptr},
    {"__wrapped__", T_OBJECT, offsetof(Overridable, function), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef overridable_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot overridable_slots[] = {{Py_tp_new, reinterpret_cast<void*>(overridable_new)},
                                   {Py_tp_dealloc, reinterpret_cast<void*>(overridable_dealloc)},
                                   {Py_tp_traverse, reinterpret_cast<void*>(overridable_traverse)},
                                   {Py_tp_clear, reinterpret_cast<void*>(overridable_clear)},
                                   {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                   {Py_tp_descr_get, reinterpret_cast<void*>(overridable_get)},
                                   {Py_tp_getattro, reinterpret_cast<void*>(overridable_getattr)},
                                   {Py_tp_repr, reinterpret_cast<void*>(overridable_repr)},
                                   {Py_tp_methods, overridable_methods},
                                   {Py_tp_members, overridable_members},
                                   {Py_tp_getset, overridable_getset},
                                   {0, nullptr}};
PyType_Spec overridable_spec = {"flambeau._core.Overridable", sizeof(Overridable), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                    Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                                overridable_slots};

// ------------------------------------------------------------------------------------ the switches

PyObject* py_disabled(const Call&) { return Py_NewRef(Py_NotImplemented); }

/// _set_subclasses_disabled(bool) -> what it was, for this thread.
PyObject* py_set_disabled(const Call& call) {
  Args a("_set_subclasses_disabled", call, {"disabled"});
  bool before = subclasses_disabled;
  subclasses_disabled = a.truth(0);
  return PyBool_FromLong(before);
}

/// _set_function_modes(n) -> how many modes were in force in this thread.
PyObject* py_set_modes(const Call& call) {
  Args a("_set_function_modes", call, {"n"});
  int before = function_modes, now = static_cast<int>(a.integer(0));
  threads_in_modes += (now > 0) - (before > 0);
  function_modes = now;
  any_function_mode = threads_in_modes > 0;
  return PyLong_FromLong(before);
}

/// _override_of(type) -> 0: no __torch_function__, 1: Tensor's, 2: one of its own.
PyObject* py_override_of(const Call& call) {
  Args a("_override_of", call, {"type"});
  check<TypeError>(PyType_Check(a[0]), [] { return message("_override_of(): expected a type."); });
  return PyLong_FromLong(static_cast<int>(override_of(reinterpret_cast<PyTypeObject*>(a[0]))));
}

/// _is_overridden(args) -> whether any of a sequence takes operators over now.
PyObject* py_is_overridden(const Call& call) {
  Args a("_is_overridden", call, {"args"});
  Object items = Object::steal(PySequence_Fast(a[0], "_is_overridden(): expected a sequence"));
  if (!items) throw PythonError();
  return PyBool_FromLong(
      is_overridden(PySequence_Fast_ITEMS(items.get()), PySequence_Fast_GET_SIZE(items.get())));
}

const NativeEntry entries[] = {
    {"_disabled_torch_function_impl", py_disabled,
     "As a class's __torch_function__: its instances are plain tensors to operators."},
    {"_set_subclasses_disabled", py_set_disabled,
     "Whether subclasses are plain tensors to operators for now; returns what it was."},
    {"_set_function_modes", py_set_modes,
     "How many modes are in force in this thread; returns what it was."},
    {"_override_of", py_override_of, "Whether a type has a __torch_function__."},
    {"_is_overridden", py_is_overridden, "Whether any of the arguments takes operators over."},
    {nullptr, nullptr, nullptr}};

}  // namespace

PyObject* reduce_to_name(PyObject* function, PyObject*) {
  return PyObject_GetAttrString(function, "__name__");
}

void initialize_overrides(PyObject* module) {
  PyModule_AddObject(module, "Overridable", PyType_FromSpec(&overridable_spec));
  add_functions(module, entries);
  disabled_implementation = PyObject_GetAttrString(module, "_disabled_torch_function_impl");
}

}  // namespace flambeau
