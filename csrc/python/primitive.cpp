// Primitive: an operator of flambeau/ops as a callable, from its forward and backward in Python.
#include <Python.h>
#include <structmember.h>

#include <unordered_map>

#include "dispatch/memory_format.h"
#include "python/args.h"
#include "python/function_node.h"
#include "python/overrides.h"

namespace flambeau {

namespace {

struct Primitive {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *forward, *backward, *names, *defaults;
  PyTypeObject* node_type;
  PyObject* dict;
  bool keeps_format;  // results are channels last where a tensor argument is
};

constexpr Py_ssize_t max_arguments = 24;

/// Lays fresh results out as the first argument that shows channels last.
void keep_format(PyObject* const* args, Py_ssize_t n, PyObject* result) {
  Format format = Format::contiguous;
  for (Py_ssize_t i = 0; i < n && !is_channels_last(format); ++i)
    if (is_tensor(args[i])) format = format_shown(*as_tensor(args[i]));
  if (!is_channels_last(format)) return;
  if (is_tensor(result)) lay_out(*as_tensor(result), format);
  if (!is_list(result)) return;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(result, i);
    if (is_tensor(item)) lay_out(*as_tensor(item), format);
  }
}

std::unordered_map<PyTypeObject*, Primitive*>& primitives() {
  static auto* table = new std::unordered_map<PyTypeObject*, Primitive*>;
  return *table;
}

Object call_primitive(Primitive* self, PyObject* const* given, Py_ssize_t n, PyObject* keys) {
  PyObject* args[1 + max_arguments] = {};
  Py_ssize_t count = PyTuple_GET_SIZE(self->names);
  const char* name = strrchr(self->node_type->tp_name, '.') + 1;
  check<TypeError>(n <= count, [&] {
    return message(name, ": takes ", count, " arguments but was given ", n, ".");
  });
  for (Py_ssize_t i = 0; i < n; ++i) args[1 + i] = given[i];
  for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    Py_ssize_t at = 0;
    while (at < count && PyUnicode_Compare(PyTuple_GET_ITEM(self->names, at), key) != 0) ++at;
    check<TypeError>(at < count, [&] {
      return message(name, ": has no argument '", PyUnicode_AsUTF8(key), "'.");
    });
    check<TypeError>(!args[1 + at], [&] {
      return message(name, ": argument '", PyUnicode_AsUTF8(key),
                     "' was given twice, by position and by name.");
    });
    args[1 + at] = given[n + k];
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (args[1 + i]) continue;
    PyObject* value = PyTuple_GET_ITEM(self->defaults, i);
    check<TypeError>(value != Py_Ellipsis, [&] {
      return message(name, ": argument '", PyUnicode_AsUTF8(PyTuple_GET_ITEM(self->names, i)),
                     "' is missing.");
    });
    args[1 + i] = value;
  }
  Ref<FunctionNode> ctx = new_function_node(self->node_type, self->backward);
  bool history = inspect_arguments(*ctx, args + 1, count) && grad_mode_enabled;
  args[0] = ctx.py();
  Object result;
  {
    GradModeGuard off(false);
    result = Object::steal(
        PyObject_Vectorcall(self->forward, args, static_cast<size_t>(1 + count), nullptr));
  }
  if (!result) throw PythonError();
  if (self->keeps_format) keep_format(args + 1, count, result.get());
  if (history) set_argument_edges(*ctx, args + 1, count, true);
  return record_outputs(*ctx, std::move(result), history, args + 1, count);
}

PyObject* primitive_vectorcall(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  return guarded([&] {
    return call_primitive(reinterpret_cast<Primitive*>(o), args, PyVectorcall_NARGS(nargsf), keys)
        .release();
  });
}

/// Primitive(name, forward, backward, names, defaults, keeps_format): defaults holds ... where an
/// argument is required.
PyObject* primitive_new(PyTypeObject* type, PyObject* args, PyObject*) {
  const char* name;
  PyObject *forward, *backward, *names, *defaults;
  int keeps_format = 0;
  if (!PyArg_ParseTuple(args, "sOOO!O!|p", &name, &forward, &backward, &PyTuple_Type, &names,
                        &PyTuple_Type, &defaults, &keeps_format))
    return nullptr;
  return guarded([&]() -> PyObject* {
    check<ValueError>(PyTuple_GET_SIZE(names) <= max_arguments, [&] {
      return message(name, ": a primitive takes at most ", max_arguments, " arguments.");
    });
    auto* self = reinterpret_cast<Primitive*>(type->tp_alloc(type, 0));
    if (!self) throw PythonError();
    self->vectorcall = primitive_vectorcall;
    self->forward = Py_NewRef(forward);
    self->backward = Py_NewRef(backward);
    self->names = Py_NewRef(names);
    self->defaults = Py_NewRef(defaults);
    self->node_type = node_subtype(name, function_node_type);
    primitives()[self->node_type] = self;
    self->dict = PyDict_New();
    self->keeps_format = keeps_format;
    return reinterpret_cast<PyObject*>(self);
  });
}

PyObject* primitive_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

/// "(input, dim=None)", for inspect.signature.
PyObject* primitive_signature(PyObject* o, void*) {
  auto* self = reinterpret_cast<Primitive*>(o);
  std::string text = "(";
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->names); ++i) {
    const char* name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(self->names, i));
    if (!name) return nullptr;
    if (i) text += ", ";
    text += name;
    PyObject* value = PyTuple_GET_ITEM(self->defaults, i);
    if (value == Py_Ellipsis) continue;
    bool literal = value == Py_None || PyBool_Check(value) || PyLong_Check(value) ||
                   PyFloat_Check(value) || PyUnicode_Check(value);
    Object repr = Object::steal(literal ? PyObject_Repr(value) : PyUnicode_FromString("..."));
    const char* shown = repr ? PyUnicode_AsUTF8(repr.get()) : nullptr;
    if (!shown) return nullptr;
    text += '=';
    text += shown;
  }
  return PyUnicode_FromString((text + ")").c_str());
}

PyMemberDef primitive_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Primitive, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Primitive, dict), READONLY, nullptr},
    {"backward", T_OBJECT, offsetof(Primitive, backward), 0, nullptr},
    {"forward", T_OBJECT, offsetof(Primitive, forward), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyMethodDef primitive_methods[] = {{"__reduce__", reduce_to_name, METH_NOARGS, nullptr},
                                   {nullptr, nullptr, 0, nullptr}};
PyGetSetDef primitive_getset[] = {
    {"__text_signature__", primitive_signature, nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot primitive_slots[] = {{Py_tp_new, reinterpret_cast<void*>(primitive_new)},
                                 {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                 {Py_tp_descr_get, reinterpret_cast<void*>(primitive_get)},
                                 {Py_tp_members, primitive_members},
                                 {Py_tp_methods, primitive_methods},
                                 {Py_tp_getset, primitive_getset},
                                 {0, nullptr}};

}  // namespace

PyObject* primitive_arguments(PyTypeObject* type) {
  auto found = primitives().find(type);
  return found == primitives().end() ? nullptr : found->second->names;
}

void add_primitive_type(PyObject* module) {
  static PyType_Spec spec = {
      "flambeau._core.Primitive", sizeof(Primitive), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
      primitive_slots};
  PyModule_AddObject(module, "Primitive", PyType_FromSpec(&spec));
}

}  // namespace flambeau
