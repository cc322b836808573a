// The type Operator: attributes as those of a Python function, and the door's slow side.
#include "python/operator.h"

#include "python/attributes.h"
#include "python/door.h"
#include "tensor/sparse.h"

namespace flambeau {

PyTypeObject* operator_type = nullptr;

PyObject* enter_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (is_overridden(args, n + count_of(keys)))
    return call_override(reinterpret_cast<PyObject*>(&self), args, n, keys);
  return run_watched(self, args, n, keys);
}

Operator& new_operator(vectorcallfunc door, Run run) {
  PyObject* o = operator_type->tp_alloc(operator_type, 0);
  if (!o) throw PythonError();
  Operator& self = as_operator(o);
  self.vectorcall = door;
  self.run = run;
  self.dict = PyDict_New();
  if (!self.dict) throw PythonError();
  return self;
}

void set_name(Operator& self, const char* name, const char* doc) {
  Object text = Object::steal(PyUnicode_FromString(name));
  Object about = doc ? Object::steal(PyUnicode_FromString(doc)) : Object::borrow(Py_None);
  if (!text || !about || PyDict_SetItemString(self.dict, "__name__", text.get()) < 0 ||
      PyDict_SetItemString(self.dict, "__qualname__", text.get()) < 0 ||
      PyDict_SetItemString(self.dict, "__doc__", about.get()) < 0)
    throw PythonError();
}

const char* name_of(Operator& self) {
  PyObject* name = PyDict_GetItemString(self.dict, "__name__");
  return name && PyUnicode_Check(name) ? text_of(name) : "operator";
}

void add_way(Operator& self, Way* way) {
  std::unique_ptr<Way> owned(way);
  check<TypeError>(self.implementation && !self.way, [] {
    return message("a way leads into one operator that is implemented in Python.");
  });
  self.way = owned.release();
}

// ------------------------------------------------------------------------------------ native ways

namespace {

PyObject* run_native(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  return guarded([&] { return self.entry->function(Call{args, n, keys, &self}); },
                 self.entry->name);
}

/// Of private functions, which belong to operators that have been asked about.
PyObject* enter_private(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  Operator& self = as_operator(o);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (!(watchers & (watch_devices | watch_batches))) return run_native(self, args, n, keys);
  return guarded([&] {
    Py_ssize_t all = n + count_of(keys);
    if (wants_rule(self, args, all)) return call_rule(self, args, n, keys);
    // Errors name the operator that has called it.
    auto* caller = static_cast<PyObject*>(device_of_call.callable);
    DeviceScope scope(caller ? caller : o, args, all, self.entry->mixing);
    if (is_on_device() && self.entry->shown == Shown::yes)
      return call_on_device(self.entry->name, true, args, n, keys,
                            [&](auto... given) { return run_native(self, given...); });
    return run_native(self, args, n, keys);
  });
}

/// Of a private module's functions: what lies outside of its dimension is an IndexRangeError.
PyObject* enter_inner(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  PyObject* made = enter_private(o, args, nargsf, keys);
  if (!made && PyErr_ExceptionMatches(PyExc_IndexError)) {
    Unraised error;
    PyErr_SetObject(imported<"flambeau.calls", "IndexRangeError">(),
                    Object::steal(PyObject_Str(error.value())).get());
  }
  return made;
}

/// Of tensor(), which takes anything for data: only modes are asked.
PyObject* enter_tensor(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (!watchers) return run_native(as_operator(o), args, n, keys);
  if (is_overridden(args, 0)) return call_override(o, args, n, keys);
  return run_watched(as_operator(o), args, n, keys);
}

}  // namespace

void Args::bind() {
  Operator& self = *call_.self;
  // Read from the text of its signature when it is first called.
  if (!self.parameters) self.parameters = new Parameters(self.entry->signature);
  parameters_ = self.parameters;
  parameters_->bind(reinterpret_cast<PyObject*>(&self), call_.args, call_.n, call_.names, slots_);
}

const char* Args::name(int i) const { return text_of(PyTuple_GET_ITEM(parameters_->names(), i)); }

// Those of the core: of one name there may be a function and another method.
static PyObject *public_functions, *public_methods;

static void add_function(PyObject* module, const NativeEntry& entry, vectorcallfunc door) {
  Operator& self = new_operator(door, run_native);
  Object made = Object::steal(reinterpret_cast<PyObject*>(&self));
  self.entry = &entry;
  set_name(self, entry.name, entry.doc);
  if (PyModule_AddObjectRef(module, entry.name, made.get()) < 0 ||
      (entry.is_function && PyDict_SetItemString(public_functions, entry.name, made.get()) < 0) ||
      (entry.is_method && PyDict_SetItemString(public_methods, entry.name, made.get()) < 0))
    throw PythonError();
}

static vectorcallfunc public_door(const char* name) {
  const bool is_private = name[0] == '_' && name[1] != '_';
  return is_private                    ? enter_private
         : strcmp(name, "tensor") == 0 ? enter_tensor
                                       : enter<run_native>;
}

void Functions::add_all(PyObject* core) {
  for (const Functions* table = first_; table; table = table->next_) {
    Object module = Object::borrow(core);
    if (table->module_) {
      module = owned(PyModule_New(message("flambeau._core.", table->module_).c_str()));
      if (PyModule_AddObjectRef(core, table->module_, module.get()) < 0) throw PythonError();
    }
    for (const NativeEntry* e = table->entries_; e->name; ++e)
      add_function(module.get(), *e, table->module_ ? enter_inner : public_door(e->name));
  }
}

// -------------------------------------------------------------------------------------- attributes

namespace {

PyObject* parameters_of(Operator& self) {
  const Parameters* parameters = self.parameters;
  if (self.entry) return PyUnicode_FromString(self.entry->signature);
  return Py_BuildValue("OOn", parameters->names(), parameters->defaults(),
                       parameters->positional());
}

PyObject* declaration_of(Operator& self) {
  if (self.record) return spec_of(self);
  PyErr_SetString(PyExc_AttributeError, "spec");
  return nullptr;
}

/// What an operator holds of Python's.
constexpr PyObject* Operator::* held[] = {&Operator::declared,   &Operator::implementation,
                                          &Operator::backward,   &Operator::sparse,
                                          &Operator::batch_rule, &Operator::dict};
int operator_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  for (auto member : held) Py_VISIT(as_operator(o).*member);
  return 0;
}
int operator_clear(PyObject* o) {
  for (auto member : held) Py_CLEAR(as_operator(o).*member);
  return 0;
}
/// The record of a pointwise operator stays: derivatives refer to it. So does a primitive's type.
void operator_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Operator& self = as_operator(o);
  PyObject_GC_UnTrack(o);
  if (self.weakrefs) PyObject_ClearWeakRefs(o);
  operator_clear(o);
  delete self.parameters;
  delete self.way;
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* operator_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

/// Its own attributes, then those of the function that declared it.
PyObject* operator_getattr(PyObject* o, PyObject* name) {
  PyObject* value = PyObject_GenericGetAttr(o, name);
  if (value || !as_operator(o).declared || !PyErr_ExceptionMatches(PyExc_AttributeError))
    return value;
  PyErr_Clear();
  return PyObject_GetAttr(as_operator(o).declared, name);
}

PyMemberDef operator_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Operator, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Operator, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Operator, weakrefs), READONLY, nullptr},
    {"__wrapped__", T_OBJECT_EX, offsetof(Operator, declared), 0, nullptr},
    {"backward", T_OBJECT_EX, offsetof(Operator, backward), 0,
     "The derivative of a primitive: backward(ctx, *grad_outputs)."},
    {"sparse", T_OBJECT, offsetof(Operator, sparse), 0,
     "What is called where an argument is sparse; True: the operator itself, None: nothing."},
    {"batch_rule", T_OBJECT, offsetof(Operator, batch_rule), 0,
     "What is called instead, with the same arguments, where one is batched; True: the operator "
     "itself, None: see flambeau/ops/batching."},
    {"implementation", T_OBJECT, offsetof(Operator, implementation), READONLY,
     "What is called, of an operator implemented in Python."},
    {}};
PyGetSetDef operator_attributes[] = {
    getter<parameters_of>(
        "parameters",
        "(names, defaults with ... where there is none, how many are positional); of a function of "
        "the core the text of its signature."),
    getter<[](Operator& self) {
      return self.out != Operator::Out::none || (self.record && !self.inplace);
    }>("takes_out", "Whether out= is taken beside the parameters."),
    getter<[](Operator& self) { return self.entry != nullptr; }>(
        "is_native", "Whether it is a function of the core."),
    getter<[](Operator& self) { return self.node_type != nullptr; }>(
        "is_primitive", "Whether its derivative is written beside it."),
    getter<declaration_of>("spec", "The declaration of a pointwise operator."),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

}  // namespace

void initialize_operators(PyObject* module) {
  operator_type =
      new_type("flambeau._core.Operator", sizeof(Operator),
               Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                   Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_dealloc, operator_dealloc), slot(Py_tp_traverse, operator_traverse),
                slot(Py_tp_clear, operator_clear), slot(Py_tp_call, PyVectorcall_Call),
                slot(Py_tp_descr_get, operator_get), slot(Py_tp_getattro, operator_getattr),
                slot(Py_tp_members, operator_members), slot(Py_tp_getset, operator_attributes)},
               module, "Operator");
  tell_of_other_devices = [](bool any) { set_watcher(watch_devices, any); };
  tell_of_sparse = [](bool any) { set_watcher(watch_layouts, any); };
  public_functions = PyDict_New();
  public_methods = PyDict_New();
  if (PyModule_AddObjectRef(module, "_functions", public_functions) < 0 ||
      PyModule_AddObjectRef(module, "_methods", public_methods) < 0)
    throw PythonError();
  Functions::add_all(module);
}

}  // namespace flambeau
