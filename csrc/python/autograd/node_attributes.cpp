#include "python/autograd/node_attributes.h"

#include "autograd/meta.h"
#include "python/attributes.h"

namespace flambeau {

namespace {

PyTypeObject* saved_tensor_type = nullptr;

struct SavedTensor {
  PyObject_HEAD Node* node;
  Saved* saved;  // lives in the node; null: None was saved
};

void saved_tensor_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Py_XDECREF(reinterpret_cast<PyObject*>(reinterpret_cast<SavedTensor*>(o)->node));
  PyObject_Free(o);
  Py_DECREF(type);
}

/// The value goes through pack now, and through unpack for backward.
void set_hooks(SavedTensor& self, PyObject* pack, PyObject* unpack) {
  check<TypeError>(PyCallable_Check(pack) && PyCallable_Check(unpack),
                   [] { return message("register_hooks: takes two callables, pack and unpack."); });
  check(self.saved,
        [] { return message("register_hooks: None was saved here; there is no tensor to pack."); });
  check(!self.saved->has_hooks(),
        [] { return message("register_hooks: this saved tensor has a pair of hooks already."); });
  if (self.saved->empty()) throw_released(self.node);
  self.saved->set_hooks(Object::borrow(pack), Object::borrow(unpack));
}
PyObject* register_hooks(PyObject* o, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(args, "OO:register_hooks", &pack, &unpack)) throw PythonError();
    set_hooks(*reinterpret_cast<SavedTensor*>(o), pack, unpack);
    return Py_NewRef(Py_None);
  });
}

PyObject* saved_tensor_new(PyTypeObject*, PyObject*, PyObject*) {
  return guarded([]() -> PyObject* {
    throw Error("SavedTensor: only nodes make them. Read grad_fn._raw_saved_... to get one.");
  });
}

PyMethodDef methods[] = {
    {"register_hooks", register_hooks, METH_VARARGS,
     "Pack the saved value now with the first callable; unpack it with the second when needed."},
    {}};

PyObject* value_of(Node* node, const SavedValue& found, bool raw) {
  if (found.object) return Py_NewRef(found.object.get());
  if (found.tensor && !found.tensor->empty())
    return raw ? saved_tensor_object(node, found.tensor)
               : found.tensor->unpack(node, "value").release_py();
  if (found.tensor && node->released) throw_released(node);
  return raw ? saved_tensor_object(node, nullptr) : Py_NewRef(Py_None);
}

}  // namespace

PyObject* saved_tensor_object(Node* node, Saved* saved) {
  auto* self = PyObject_New(SavedTensor, saved_tensor_type);
  if (!self) throw PythonError();
  self->node = reinterpret_cast<Node*>(Py_NewRef(node->py()));
  self->saved = saved;
  return reinterpret_cast<PyObject*>(self);
}

PyObject* node_getattr(PyObject* self, PyObject* name) {
  PyObject* plain = PyObject_GenericGetAttr(self, name);
  if (plain || !PyErr_ExceptionMatches(PyExc_AttributeError)) return plain;
  Node* node = reinterpret_cast<Node*>(self);
  std::string_view text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "";
  bool raw = text.starts_with("_raw_saved_");
  if (!node->kind->find || !(raw || text.starts_with("_saved_"))) return nullptr;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  SavedValue found;
  PyObject* result = guarded([&]() -> PyObject* {
    found = node->kind->find(node, text.data() + (raw ? 11 : 7));
    return found.known ? value_of(node, found, raw) : Py_NewRef(Py_None);
  });
  if (found.known || !result) {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return result;
  }
  Py_DECREF(result);
  PyErr_Restore(type, value, traceback);
  return nullptr;
}

void initialize_saved_tensors(PyObject* module) {
  saved_tensor_type = new_type(
      "flambeau.autograd.SavedTensor", sizeof(SavedTensor), 0,
      {slot(Py_tp_dealloc, saved_tensor_dealloc), slot(Py_tp_new, saved_tensor_new),
       slot(Py_tp_methods, methods), slot(Py_tp_doc, "A value that a node keeps for backward.")},
      module, "SavedTensor");
}

}  // namespace flambeau
