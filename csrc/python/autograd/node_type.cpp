// Nodes of the autograd graph as Python sees them.
#include "autograd/accumulate.h"
#include "autograd/assign.h"
#include "autograd/saved_hooks.h"
#include "python/attributes.h"
#include "tensor/device_scope.h"

namespace flambeau {

namespace {

/// Nodes that stand for no operator have PyTorch's C++ names.
std::string full_name(Node& node) {
  const std::string_view name = node.name();
  const bool plain = name == "AccumulateGrad" || name == "CopySlices";
  return message(plain ? "torch::autograd::" : "", name);
}
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
PyObject* node_repr(PyObject* self) {
  return PyUnicode_FromFormat("<%s object at %p>", reinterpret_cast<Node*>(self)->name(), self);
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

/// node(*grad_outputs): what backward would hand to the node's inputs.
PyObject* node_call(PyObject* self, PyObject* args, PyObject* keys) {
  Node* node = reinterpret_cast<Node*>(self);
  return guarded([&]() -> PyObject* {
    auto given = static_cast<uint32_t>(PyTuple_GET_SIZE(args));
    check<TypeError>(!keys || PyDict_GET_SIZE(keys) == 0,
                     [&] { return message(node->name(), ": takes no keyword arguments."); });
    check<TypeError>(given == node->n_results, [&] {
      return message(node->name(), ": takes ", node->n_results,
                     " gradients, one for each output, but ", given, " were given.");
    });
    std::vector<TensorRef> grads = to_tensors(args, node->name(), true), results(node->n_edges);
    {
      DeviceScope scope(node->name(), &PyTuple_GET_ITEM(args, 0), given);
      node->kind->backward(node, grads.data(), results.data());
    }
    return node->n_edges == 1 ? give_back(results[0]) : tensor_tuple(results);
  });
}

PyMethodDef methods[] = {
    method_by<full_name>("name", "The operator's name with Backward behind it."),
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
       slot(Py_tp_members, members), slot(Py_tp_repr, node_repr), slot(Py_tp_call, node_call),
       slot(Py_tp_getattro, node_getattr),
       slot(Py_tp_doc, "A node of the autograd graph (grad_fn).")},
      module, "Node");
}

}  // namespace flambeau
