#include "python/autograd/node_attributes.h"

#include "autograd/meta.h"
#include "python/attributes.h"

namespace flambeau {

namespace {

PyTypeObject* saved_tensor_type = nullptr;

struct SavedTensor {
  PyObject_HEAD Ref<Node> node;
  Saved* saved;  // lives in the node; null: None was saved
};

/// The value goes through pack now, and through unpack for backward.
void set_hooks(SavedTensor& self, PyObject* pack, PyObject* unpack) {
  check<TypeError>(PyCallable_Check(pack) && PyCallable_Check(unpack),
                   [] { return message("register_hooks: takes two callables, pack and unpack."); });
  check(self.saved,
        [] { return message("register_hooks: None was saved here; there is no tensor to pack."); });
  check(!self.saved->has_hooks(),
        [] { return message("register_hooks: this saved tensor has a pair of hooks already."); });
  if (self.saved->empty()) throw_released(self.node.get());
  self.saved->set_hooks(Object::borrow(pack), Object::borrow(unpack));
}
PyObject* register_hooks(PyObject* o, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(args, "OO:register_hooks", &pack, &unpack)) throw PythonError();
    set_hooks(as<SavedTensor>(o), pack, unpack);
    return Py_NewRef(Py_None);
  });
}

PyObject* saved_tensor_new(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError,
                  "SavedTensor: only nodes make them. Read grad_fn._raw_saved_... to get one.");
  return nullptr;
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
  Object made = owned(saved_tensor_type->tp_alloc(saved_tensor_type, 0));
  as<SavedTensor>(made.get()).node = Ref<Node>::borrow(node);
  as<SavedTensor>(made.get()).saved = saved;
  return made.release();
}

PyObject* node_getattr(PyObject* self, PyObject* name) {
  PyObject* plain = PyObject_GenericGetAttr(self, name);
  if (plain || !PyErr_ExceptionMatches(PyExc_AttributeError)) return plain;
  Node* node = reinterpret_cast<Node*>(self);
  std::string_view text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "";
  bool raw = text.starts_with("_raw_saved_");
  if (!node->kind->find || !(raw || text.starts_with("_saved_"))) return nullptr;
  const Unraised error;
  SavedValue found;
  PyObject* result = guarded([&]() -> PyObject* {
    found = node->kind->find(node, text.data() + (raw ? 11 : 7));
    return found.known ? value_of(node, found, raw) : nullptr;
  });
  if (!found.known && !PyErr_Occurred()) error.raise();
  return result;
}

void initialize_saved_tensors(PyObject* module) {
  saved_tensor_type = new_type(
      "flambeau.autograd.SavedTensor", sizeof(SavedTensor), 0,
      {slot(Py_tp_dealloc, destroy_object<SavedTensor>), slot(Py_tp_new, saved_tensor_new),
       slot(Py_tp_methods, methods), slot(Py_tp_doc, "A value that a node keeps for backward.")},
      module, "SavedTensor");
}

}  // namespace flambeau
