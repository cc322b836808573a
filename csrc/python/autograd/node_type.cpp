// Nodes of the autograd graph as Python sees them.
#include "autograd/accumulate.h"
#include "autograd/assign.h"
#include "python/attributes.h"

namespace flambeau {

namespace {

Object next_functions(Node& node) {
  return tuple_of(node.n_edges, [&](Py_ssize_t i) {
    Edge e = node.edges[i];
    return Py_BuildValue("(OI)", e.node ? e.node->py() : Py_None, e.nr);
  });
}
Object metadata(Node& node) {
  Object& dict = node.need_extras().metadata;
  if (!dict) dict = owned(PyDict_New());
  return dict;
}
template <Object NodeExtras::* table>
Object register_hook(Node& node, PyObject* hook) {
  return add_hook(node.need_extras().*table, hook);
}
void release_saved(Node& node) {
  node.kind->release(&node);
  node.released = true;
}

/// _saved_NAME and _raw_saved_NAME beside the usual attributes.
PyObject* node_getattr(PyObject* self, PyObject* name) {
  PyObject* plain = PyObject_GenericGetAttr(self, name);
  if (plain || !PyErr_ExceptionMatches(PyExc_AttributeError)) return plain;
  return guarded([&]() -> PyObject* {
    const Unraised error;
    const std::string_view text = text_of(name);
    if (text.starts_with("_saved_") || text.starts_with("_raw_saved_"))
      return called(imported<"flambeau.autograd.saved_values", "value_of">(), self, name).release();
    error.raise();
    return nullptr;
  });
}

PyMethodDef methods[] = {
    method_by<register_hook<&NodeExtras::post_hooks>>(
        "register_hook", "Call hook(grad_inputs, grad_outputs) after this node has run."),
    method_by<register_hook<&NodeExtras::pre_hooks>>(
        "register_prehook", "Call hook(grad_outputs) before this node runs."),
    method_by<[](Node& node) { return node.sequence; }>("_sequence_nr",
                                                        "Its place in the order of recording."),
    method_by<release_saved>("_release", "Drop what is saved for backward."),
    {}};
PyGetSetDef attributes[] = {
    getter<next_functions>("next_functions",
                           "((node, output number), ...): where the gradients go next."),
    getter<metadata>("metadata", "A dict for the user."),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};
PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Node, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Node, weakrefs), READONLY, nullptr},
    {}};

}  // namespace

void initialize_nodes(PyObject* module) {
  node_type = new_type(
      "flambeau._core.Node", sizeof(Node),
      Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
      {slot(Py_tp_dealloc, node_dealloc), slot(Py_tp_traverse, node_traverse),
       slot(Py_tp_clear, node_clear), slot(Py_tp_methods, methods), slot(Py_tp_getset, attributes),
       slot(Py_tp_members, members), slot(Py_tp_getattro, node_getattr),
       slot(Py_tp_doc, "A node of the autograd graph (grad_fn).")},
      module, "Node");
}

}  // namespace flambeau
