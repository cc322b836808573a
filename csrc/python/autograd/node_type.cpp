// Nodes of the autograd graph as Python sees them, and the hooks that it hangs on nodes and
// tensors.
#include <Python.h>
#include <structmember.h>

#include "autograd/accumulate.h"
#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/saved_hooks.h"
#include "python/autograd/node_attributes.h"
#include "tensor/device_scope.h"
#include "tensor/guard.h"

namespace flambeau {

static PyObject* node_name(PyObject* self, PyObject*) {
  // Nodes that stand for no operator have PyTorch's C++ names.
  const char* name = reinterpret_cast<Node*>(self)->name();
  bool plain = strcmp(name, "AccumulateGrad") == 0 || strcmp(name, "CopySlices") == 0;
  return PyUnicode_FromFormat(plain ? "torch::autograd::%s" : "%s", name);
}

static PyObject* node_next_functions(PyObject* self, void*) {
  Node* node = reinterpret_cast<Node*>(self);
  PyObject* list = PyTuple_New(node->n_edges);
  for (uint32_t i = 0; i < node->n_edges; ++i) {
    Edge e = node->edges[i];
    PyTuple_SET_ITEM(list, i, Py_BuildValue("(OI)", e.node ? e.node->py() : Py_None, e.nr));
  }
  return list;
}

static PyObject* node_metadata(PyObject* self, void*) {
  NodeExtras& extras = reinterpret_cast<Node*>(self)->need_extras();
  if (!extras.metadata) extras.metadata = Object::steal(PyDict_New());
  Py_INCREF(extras.metadata.get());
  return extras.metadata.get();
}

static PyObject* add_hook(Object& dict, PyObject* hook) {
  Object hooks = Object::steal(PyImport_ImportModule("flambeau.autograd.hooks"));
  if (!hooks) return nullptr;
  if (!dict) dict = Object::steal(PyObject_CallMethod(hooks.get(), "new_table", nullptr));
  return dict ? PyObject_CallMethod(hooks.get(), "add_hook", "OO", dict.get(), hook) : nullptr;
}

static PyObject* node_register_hook(PyObject* self, PyObject* hook) {
  return add_hook(reinterpret_cast<Node*>(self)->need_extras().post_hooks, hook);
}
static PyObject* node_register_prehook(PyObject* self, PyObject* hook) {
  return add_hook(reinterpret_cast<Node*>(self)->need_extras().pre_hooks, hook);
}
static PyObject* node_sequence(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(reinterpret_cast<Node*>(self)->sequence);
}
static PyObject* node_release(PyObject* self, PyObject*) {
  Node* node = reinterpret_cast<Node*>(self);
  node->kind->release(node);
  node->released = true;
  Py_RETURN_NONE;
}
static PyObject* node_repr(PyObject* self) {
  return PyUnicode_FromFormat("<%s object at %p>", reinterpret_cast<Node*>(self)->name(), self);
}

/// node(*grad_outputs): what backward would hand to the node's inputs.
static PyObject* node_call(PyObject* self, PyObject* args, PyObject* keys) {
  Node* node = reinterpret_cast<Node*>(self);
  return guarded([&]() -> PyObject* {
    auto given = static_cast<uint32_t>(PyTuple_GET_SIZE(args));
    check<TypeError>(!keys || PyDict_GET_SIZE(keys) == 0,
                     [&] { return message(node->name(), ": takes no keyword arguments."); });
    check<TypeError>(given == node->n_results, [&] {
      return message(node->name(), ": takes ", node->n_results,
                     " gradients, one for each output, but ", given, " were given.");
    });
    std::vector<TensorRef> grads(given), results(node->n_edges);
    for (uint32_t i = 0; i < given; ++i) {
      PyObject* grad = PyTuple_GET_ITEM(args, i);
      if (grad == Py_None) continue;
      check<TypeError>(is_tensor(grad), [&] {
        return message(node->name(), ": gradient ", i, " is a ", Py_TYPE(grad)->tp_name,
                       ", not a Tensor or None.");
      });
      grads[i] = TensorRef::borrow(as_tensor(grad));
    }
    {
      DeviceScope scope(node->name(), &PyTuple_GET_ITEM(args, 0), given);
      node->kind->backward(node, grads.data(), results.data());
    }
    Object tuple = Object::steal(PyTuple_New(node->n_edges));
    if (!tuple) throw PythonError();
    for (uint32_t i = 0; i < node->n_edges; ++i)
      PyTuple_SET_ITEM(tuple.get(), i, results[i] ? results[i].release_py() : Py_NewRef(Py_None));
    return node->n_edges == 1 ? Py_NewRef(PyTuple_GET_ITEM(tuple.get(), 0)) : tuple.release();
  });
}

static PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The operator's name with Backward behind it."},
    {"register_hook", node_register_hook, METH_O,
     "Call hook(grad_inputs, grad_outputs) after this node has run."},
    {"register_prehook", node_register_prehook, METH_O,
     "Call hook(grad_outputs) before this node runs."},
    {"_sequence_nr", node_sequence, METH_NOARGS, "Its place in the order of recording."},
    {"_release", node_release, METH_NOARGS, "Drop what is saved for backward."},
    {nullptr, nullptr, 0, nullptr}};

static PyObject* node_variable(PyObject* self, void*) {
  Tensor* leaf = accumulated_variable(reinterpret_cast<Node*>(self));
  if (!leaf) {
    PyErr_Format(PyExc_AttributeError, "%s has no variable: only AccumulateGrad nodes do.",
                 reinterpret_cast<Node*>(self)->name());
    return nullptr;
  }
  Py_INCREF(leaf->py());
  return leaf->py();
}

static PyGetSetDef node_getset[] = {
    {"variable", node_variable, nullptr, "The leaf whose gradient an AccumulateGrad node adds up.",
     nullptr},
    {"next_functions", node_next_functions, nullptr,
     "((node, output number), ...): where the gradients go next.", nullptr},
    {"metadata", node_metadata, nullptr, "A dict for the user.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

static PyMemberDef node_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Node, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Node, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

static PyType_Slot node_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(node_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(node_clear)},
    {Py_tp_methods, node_methods},
    {Py_tp_getset, node_getset},
    {Py_tp_members, node_members},
    {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
    {Py_tp_call, reinterpret_cast<void*>(node_call)},
    {Py_tp_getattro, reinterpret_cast<void*>(node_getattr)},
    {Py_tp_doc, const_cast<char*>("A node of the autograd graph (grad_fn).")},
    {0, nullptr}};

void initialize_nodes(PyObject* module) {
  static PyType_Spec spec = {"flambeau._core.Node", sizeof(Node), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             node_slots};
  node_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type));
  initialize_saved_tensors(module);
}

static void check_callable(PyObject* hook, const char* function) {
  check<TypeError>(PyCallable_Check(hook), [&] {
    return message(function, ": the hook must be callable, not ", Py_TYPE(hook)->tp_name, ".");
  });
}

PyObject* register_tensor_hook(Tensor& t, PyObject* hook) {
  check_callable(hook, "register_hook");
  Node* node = grad_fn_of(t);  // first: it may take the hooks of an older value away
  AutogradMeta& meta = need_meta(t);
  bool fresh = !meta.hooks;
  PyObject* handle = add_hook(meta.hooks, hook);
  if (handle && fresh && node)
    node->need_extras().tensor_hooks.emplace_back(meta.output_nr, meta.hooks);
  return handle;
}

void set_tensor_hooks(Tensor& t, PyObject* hooks) {
  Node* node = grad_fn_of(t);
  AutogradMeta& meta = need_meta(t);
  if (node && node->extras && meta.hooks)
    std::erase_if(node->extras->tensor_hooks,
                  [&](const auto& entry) { return entry.second.get() == meta.hooks.get(); });
  meta.hooks = Object::borrow(hooks);
  if (node && hooks) node->need_extras().tensor_hooks.emplace_back(meta.output_nr, meta.hooks);
}

PyObject* register_post_accumulate_hook(Tensor& t, PyObject* hook) {
  check_callable(hook, "register_post_accumulate_grad_hook");
  return add_hook(need_meta(t).post_accumulate_hooks, hook);
}

}  // namespace flambeau
