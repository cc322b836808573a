// The `ctx` that a Function's forward and backward see, and how its results are recorded.
#include "autograd/function.h"
#include "python/attributes.h"

namespace flambeau {

/// What a call was given, as a tuple.
struct TupleItems {
  PyObject* const* items;
  Py_ssize_t n;
};
static TupleItems read_as(As<TupleItems>, Reader& r) {
  PyObject* o = r.next();
  check<TypeError>(PyTuple_Check(o), [&] { return message(r.op(), ": takes a tuple here."); });
  return {&PyTuple_GET_ITEM(o, 0), PyTuple_GET_SIZE(o)};
}
static FunctionNode& read_as(As<FunctionNode&>, Reader& r) {
  return r.object<FunctionNode>(function_node_type, "a ctx");
}

namespace {

/// A method that keeps all its arguments.
template <Object FunctionNode::* member>
PyObject* keep(PyObject* o, PyObject* args) {
  as<FunctionNode>(o).*member = Object::borrow(args);
  Py_RETURN_NONE;
}
template <Object FunctionNode::* member>
Object kept(FunctionNode& self) {
  return Object::borrow(self.*member ? (self.*member).get() : Py_None);
}

Object saved_tensors(FunctionNode& self) {
  if (self.to_save) return self.to_save;
  return saved_values(self, [&](Saved* saved) {
    return saved ? Object::steal(saved->unpack(&self.node, "tensor").release_py())
                 : Object::borrow(Py_None);
  });
}
Object raw_saved_tensors(FunctionNode& self) {
  if (self.node.released && !self.saved.empty()) throw_released(&self.node);
  Object n = owned(PyLong_FromSize_t(self.is_none.size()));
  return called(imported<"flambeau.autograd.saved_values", "all_of">(), self.node.py(), n.get());
}
TensorRef linked(FunctionNode& self, PyObject* gradient) {
  check<TypeError>(is_tensor(gradient),
                   [] { return message("linked: expected the gradient, a Tensor."); });
  return link_gradient(self, *as_tensor(gradient));
}
void set_materialize(FunctionNode& self, PyObject* value) { self.materialize = truth_of(value); }

PyMethodDef methods[] = {
    method_by<linked>(
        "linked", "A gradient that requires grad through the inputs, with a derivative of zero."),
    {"save_for_backward", keep<&FunctionNode::to_save>, METH_VARARGS,
     "Keep tensors for backward; writes to them are noticed."},
    {"mark_dirty", keep<&FunctionNode::dirty>, METH_VARARGS,
     "Say which inputs forward wrote in place."},
    {"mark_non_differentiable", keep<&FunctionNode::non_differentiable>, METH_VARARGS,
     "Say which outputs have no gradient."},
    method_by<set_materialize>("set_materialize_grads",
                               "Whether missing gradients come as zeros (the default) or None."),
    {}};
PyGetSetDef attributes[] = {
    getter<saved_tensors>("saved_tensors", "What save_for_backward kept."),
    getter<saved_tensors>("saved", "What save_for_backward kept."),
    getter<raw_saved_tensors>("_raw_saved_tensors", "The same as SavedTensors, which take hooks."),
    getter<gradients_needed_now>("needs_input_grad",
                                 "For each argument, whether its gradient is wanted."),
    getter<kept<&FunctionNode::dirty>>("dirty_tensors", "What mark_dirty named, or None."),
    getter<kept<&FunctionNode::non_differentiable>>("non_differentiable",
                                                    "What mark_non_differentiable named, or None."),
    getter<[](FunctionNode& self) { return self.materialize; }>(
        "materialize_grads", "Whether missing gradients come as zeros; see set_materialize_grads."),
    {}};

/// A node to be used as ctx.
PyObject* make_ctx(PyObject* node_kind, PyObject* backward) {
  auto* type = reinterpret_cast<PyTypeObject*>(node_kind);
  check<TypeError>(PyType_Check(node_kind) && PyType_IsSubtype(type, function_node_type), [] {
    return message("_function_node(): takes a type made by _function_type.");
  });
  return new_function_node(type, backward).release_py();
}

/// Whether a call is to be recorded; sets ctx.needs_input_grad.
bool inspect(FunctionNode& self, TupleItems args) {
  return inspect_arguments(self, args.items, args.n) && grad_mode_enabled;
}

/// The result with its history set. Lists among args have no gradient.
Object record(FunctionNode& self, TupleItems args, PyObject* result, bool history) {
  if (history) set_argument_edges(self, args.items, args.n, false);
  return record_outputs(self, Object::borrow(result), history, args.items, args.n);
}

const NativeEntry entries[] = {
    bind<[](const char* name) { return node_subtype(name, function_node_type); }>("_function_type",
                                                                                  "name"),
    bind<make_ctx>("_function_node", "type, backward"),
    bind<inspect>("_inspect_inputs", "ctx, args"),
    bind<record>("_record_function", "ctx, args, result, history"),
    {}};
const Functions functions(entries);

}  // namespace

void initialize_function_node(PyObject* module) {
  function_node_type =
      new_type("flambeau._core.FunctionNode", sizeof(Node),
               Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_base, node_type), slot(Py_tp_methods, methods),
                slot(Py_tp_getset, attributes), slot(Py_tp_getattro, PyObject_GenericGetAttr)},
               module, "FunctionNode");
}

}  // namespace flambeau
