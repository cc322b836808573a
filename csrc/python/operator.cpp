// The type Operator: attributes as those of a Python function, and the door's slow side.
#include "python/operator.h"

#include <Python.h>
#include <structmember.h>

#include "python/batches.h"
#include "python/elsewhere.h"
#include "python/hooks.h"
#include "tensor/sparse.h"

namespace flambeau {

PyTypeObject* operator_type = nullptr;

PyObject* enter_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  if (is_overridden(args, n + (keys ? PyTuple_GET_SIZE(keys) : 0)))
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

void add_way(PyObject* o, Way* way) {
  std::unique_ptr<Way> owned(way);
  check<TypeError>(is_operator(o) && as_operator(o).implementation && !as_operator(o).way, [] {
    return message("a way leads into one operator that is implemented in Python.");
  });
  as_operator(o).way = owned.release();
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
    Py_ssize_t all = n + (keys ? PyTuple_GET_SIZE(keys) : 0);
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

PyObject* index_range_error = nullptr;

/// Of a private module's functions.
PyObject* enter_inner(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  PyObject* made = enter_private(o, args, nargsf, keys);
  if (!made && PyErr_ExceptionMatches(PyExc_IndexError)) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Object text = Object::steal(value);
    Py_XDECREF(type), Py_XDECREF(traceback);
    PyErr_SetObject(index_range_error, text.get());
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

static PyObject *public_functions, *public_methods;

static Object add_function(PyObject* module, const NativeEntry& entry, vectorcallfunc door) {
  Operator& self = new_operator(door, run_native);
  Object made = Object::steal(reinterpret_cast<PyObject*>(&self));
  self.entry = &entry;
  set_name(self, entry.name, entry.doc);
  if (PyModule_AddObjectRef(module, entry.name, made.get()) < 0) throw PythonError();
  return made;
}

void add_functions(PyObject* module, const NativeEntry* list) {
  for (; list->name; ++list) {
    bool is_private = list->name[0] == '_' && list->name[1] != '_';
    Object made = add_function(module, *list,
                               is_private                          ? enter_private
                               : strcmp(list->name, "tensor") == 0 ? enter_tensor
                                                                   : enter<run_native>);
    if ((list->is_function && PyDict_SetItemString(public_functions, list->name, made.get()) < 0) ||
        (list->is_method && PyDict_SetItemString(public_methods, list->name, made.get()) < 0))
      throw PythonError();
  }
}

PyObject* add_private_module(PyObject* core, const char* name, const NativeEntry* list) {
  Object module = Object::steal(PyModule_New(message("flambeau._core.", name).c_str()));
  if (!module || PyModule_AddObjectRef(core, name, module.get()) < 0) throw PythonError();
  if (!index_range_error) {
    Object bases = Object::steal(PyTuple_Pack(2, PyExc_IndexError, PyExc_RuntimeError));
    if (!bases) throw PythonError();
    index_range_error = PyErr_NewExceptionWithDoc(
        "flambeau.IndexRangeError", "An index outside of its dimension.", bases.get(), nullptr);
    if (!index_range_error) throw PythonError();
  }
  for (; list->name; ++list) add_function(module.get(), *list, enter_inner);
  if (PyModule_AddObjectRef(module.get(), "IndexRangeError", index_range_error) < 0)
    throw PythonError();
  return module.get();
}

// -------------------------------------------------------------------------------------- attributes

namespace {

PyObject* operator_parameters(PyObject* o, void*) {
  const Parameters* parameters = as_operator(o).parameters;
  if (as_operator(o).entry) return PyUnicode_FromString(as_operator(o).entry->signature);
  return Py_BuildValue("OOn", parameters->names(), parameters->defaults(),
                       parameters->positional());
}

/// For inspect.signature, help() and completion.
PyObject* operator_signature(PyObject* o, void*) {
  Object module = Object::steal(PyImport_ImportModule("flambeau.ops.core.signature"));
  return module ? PyObject_CallMethod(module.get(), "signature_of", "O", o) : nullptr;
}

/// The docstring, with what the declaration says beside it.
PyObject* operator_doc(PyObject* o, void*) {
  Operator& self = as_operator(o);
  Object own = Object::borrow(PyDict_GetItemString(self.dict, "__doc__"));
  if (!own && self.declared) own = Object::steal(PyObject_GetAttrString(self.declared, "__doc__"));
  if (!own || own.get() == Py_None) return Py_NewRef(Py_None);
  if (self.entry && self.entry->name[0] == '_') return own.release();
  Object module = Object::steal(PyImport_ImportModule("flambeau.ops.core.documentation"));
  return module ? PyObject_CallMethod(module.get(), "document", "OO", o, own.get()) : nullptr;
}
int operator_set_doc(PyObject* o, PyObject* text, void*) {
  return PyDict_SetItemString(as_operator(o).dict, "__doc__", text ? text : Py_None);
}

PyObject* operator_out(PyObject* o, void*) {
  Operator& self = as_operator(o);
  return PyBool_FromLong(self.out != Operator::Out::none || (self.record && !self.inplace));
}

PyObject* operator_spec(PyObject* o, void*) {
  if (is_pointwise(o)) return spec_of(as_operator(o));
  PyErr_SetString(PyExc_AttributeError, "spec");
  return nullptr;
}

PyObject* operator_is_primitive(PyObject* o, void*) {
  return PyBool_FromLong(as_operator(o).node_type != nullptr);
}
PyObject* operator_is_native(PyObject* o, void*) {
  return PyBool_FromLong(as_operator(o).entry != nullptr);
}

int operator_traverse(PyObject* o, visitproc visit, void* arg) {
  Operator& self = as_operator(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self.declared);
  Py_VISIT(self.implementation);
  Py_VISIT(self.backward);
  Py_VISIT(self.sparse);
  Py_VISIT(self.batch_rule);
  Py_VISIT(self.dict);
  return 0;
}
int operator_clear(PyObject* o) {
  Operator& self = as_operator(o);
  Py_CLEAR(self.declared);
  Py_CLEAR(self.implementation);
  Py_CLEAR(self.backward);
  Py_CLEAR(self.sparse);
  Py_CLEAR(self.batch_rule);
  Py_CLEAR(self.dict);
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

PyObject* operator_repr(PyObject* o) {
  Object name = Object::steal(PyObject_GetAttrString(o, "__name__"));
  return name ? PyUnicode_FromFormat("<flambeau operator %U>", name.get()) : nullptr;
}

/// Pickled and copied as the global name it is, as functions are.
PyObject* operator_reduce(PyObject* o, PyObject*) { return PyObject_GetAttrString(o, "__name__"); }

PyMethodDef operator_methods[] = {{"__reduce__", operator_reduce, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};
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
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef operator_getset[] = {
    {"parameters", operator_parameters, nullptr,
     "(names, defaults with ... where there is none, how many are positional); of a function of "
     "the "
     "core the text of its signature.",
     nullptr},
    {"takes_out", operator_out, nullptr, "Whether out= is taken beside the parameters.", nullptr},
    {"is_native", operator_is_native, nullptr, "Whether it is a function of the core.", nullptr},
    {"is_primitive", operator_is_primitive, nullptr, "Whether its derivative is written beside it.",
     nullptr},
    {"spec", operator_spec, nullptr, "The declaration of a pointwise operator.", nullptr},
    {"__signature__", operator_signature, nullptr, nullptr, nullptr},
    {"__doc__", operator_doc, operator_set_doc, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot operator_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(operator_dealloc)},
                                {Py_tp_traverse, reinterpret_cast<void*>(operator_traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(operator_clear)},
                                {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {Py_tp_descr_get, reinterpret_cast<void*>(operator_get)},
                                {Py_tp_getattro, reinterpret_cast<void*>(operator_getattr)},
                                {Py_tp_repr, reinterpret_cast<void*>(operator_repr)},
                                {Py_tp_methods, operator_methods},
                                {Py_tp_members, operator_members},
                                {Py_tp_getset, operator_getset},
                                {0, nullptr}};
PyType_Spec type_spec = {"flambeau._core.Operator", sizeof(Operator), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                         operator_slots};

}  // namespace

void initialize_operators(PyObject* module) {
  operator_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&type_spec));
  tell_of_other_devices = [](bool any) { set_watcher(watch_devices, any); };
  tell_of_sparse = [](bool any) { set_watcher(watch_layouts, any); };
  public_functions = PyDict_New();
  public_methods = PyDict_New();
  if (PyModule_AddObjectRef(module, "Operator", reinterpret_cast<PyObject*>(operator_type)) < 0 ||
      PyModule_AddObjectRef(module, "_functions", public_functions) < 0 ||
      PyModule_AddObjectRef(module, "_methods", public_methods) < 0)
    throw PythonError();
}

}  // namespace flambeau
