// Primitives: operators whose forward and backward are written in Python; the node is their ctx.
#include "autograd/function.h"
#include "dispatch/memory_format.h"
#include "python/operator.h"

namespace flambeau {

namespace {

constexpr Py_ssize_t max_arguments = 24;

/// Lays fresh results out as the first argument that shows channels last.
void keep_format(PyObject* const* args, Py_ssize_t n, PyObject* result) {
  Format format = Format::contiguous;
  for (Py_ssize_t i = 0; i < n && !is_channels_last(format); ++i)
    if (is_tensor(args[i])) format = format_shown(*as_tensor(args[i]));
  if (!is_channels_last(format)) return;
  if (is_tensor(result)) lay_out(*as_tensor(result), format);
  if (!is_list(result)) return;
  for (PyObject* item : Items(result))
    if (is_tensor(item)) lay_out(*as_tensor(item), format);
}

/// What the graph shows is of the primitive's type, ctx of the one above it (make_primitive).
void show(FunctionNode& node, PyTypeObject* type) {
  PyTypeObject* before = Py_TYPE(node.node.py());
  Py_INCREF(type);
  Py_SET_TYPE(node.node.py(), type);
  Py_DECREF(before);
}

}  // namespace

Object call_primitive(Operator& self, PyObject* const* given, Py_ssize_t n, PyObject* keys) {
  PyObject* args[1 + max_arguments];
  Py_ssize_t count = self.parameters->count();
  self.parameters->bind(reinterpret_cast<PyObject*>(&self), given, n, keys, args + 1);
  Ref<FunctionNode> ctx = new_function_node(self.node_type->tp_base, self.backward);
  ctx->argument_names = self.parameters->names();
  ctx->sparse = &self.sparse;
  bool history = inspect_arguments(*ctx, args + 1, count) && grad_mode_enabled;
  args[0] = ctx.py();
  Object result;
  {
    GradModeGuard off(false);
    result = owned(
        PyObject_Vectorcall(self.implementation, args, static_cast<size_t>(1 + count), nullptr));
  }
  if (self.keeps_format) keep_format(args + 1, count, result.get());
  if (history) {
    set_argument_edges(*ctx, args + 1, count, true);
    show(*ctx, self.node_type);
  }
  return record_outputs(*ctx, std::move(result), history, args + 1, count);
}

void make_primitive(Operator& self, const char* node_name) {
  check<ValueError>(self.parameters->count() <= max_arguments, [&] {
    return message(node_name, ": a primitive takes at most ", max_arguments, " arguments.");
  });
  // Nodes look for _saved_NAME themselves, and of such a type Python makes a bound method before it
  // calls one: ctx.save_for_backward() would take twice as long. So ctx does not, until the graph
  // shows it.
  PyTypeObject* plain = node_subtype(node_name, function_node_type);
  plain->tp_flags |= Py_TPFLAGS_BASETYPE;
  self.node_type = node_subtype(node_name, plain);
  self.node_type->tp_getattro = node_type->tp_getattro;
  PyType_Modified(self.node_type);
}

}  // namespace flambeau
