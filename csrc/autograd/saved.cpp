#include "autograd/function.h"
#include "autograd/meta.h"
#include "autograd/saved_hooks.h"
#include "tensor/objects.h"

namespace flambeau {

using Hooks = std::vector<std::pair<Object, Object>>;
static thread_local Hooks* hook_stack = nullptr;  // null: none in force in this thread

void push_saved_hooks(PyObject* pack, PyObject* unpack) {
  if (!hook_stack) hook_stack = new Hooks;
  hook_stack->emplace_back(Object::borrow(pack), Object::borrow(unpack));
}
void pop_saved_hooks() {
  if (!hook_stack) return;
  auto last = std::move(hook_stack->back());
  hook_stack->pop_back();
  if (hook_stack->empty()) delete std::exchange(hook_stack, nullptr);
}
bool has_saved_hooks() { return hook_stack != nullptr; }

void Saved::pack(Tensor& t, PyObject* pack_hook, Object unpack_hook) {
  // An input goes in as it is, for hooks that leave parameters where they are know these by type
  // or identity. A result goes in without history: what keeps it would keep its own node alive.
  TensorRef given = is_result_ ? alias(t) : TensorRef::borrow(&t);
  uint32_t before = t.version().value;
  auto packed = std::make_unique<Packed>();
  {
    GradModeGuard off(false);
    packed->value = Object::steal(PyObject_CallOneArg(pack_hook, given.py()));
  }
  if (!packed->value) throw PythonError();
  check(t.version().value == before, [&] {
    return message(
        "saved_tensors_hooks: the pack hook wrote in place to the tensor that it was given, ",
        describe(t), ". Let it write to a clone().");
  });
  packed->unpack = std::move(unpack_hook);
  packed_ = std::move(packed);
}

void Saved::save(Tensor& t) {
  check(!t.inference, [&] {
    return message(
        "autograd: ", describe(t),
        " was made under inference_mode and cannot be saved for backward. Take a clone() of "
        "it outside inference_mode.");
  });
  version_ = t.version().value;
  if (hook_stack) {
    auto [pack_hook, unpack_hook] = hook_stack->back();
    pack(t, pack_hook.get(), std::move(unpack_hook));
    // History of the unpacked value: a node that leads where t's gradient goes.
    Edge e = gradient_edge(t);
    packed_->owner = Ref<Node>::steal(e.node);
    nr_ = e.nr;
    return;
  }
  had_history_ = t.autograd && t.autograd->grad_fn;
  tensor_ = TensorRef::borrow(&t);
}

void Saved::save_result(Tensor& t, uint32_t nr) {
  version_ = t.version().value;
  nr_ = nr;
  is_result_ = true;
  if (hook_stack) {
    auto [pack_hook, unpack_hook] = hook_stack->back();
    pack(t, pack_hook.get(), std::move(unpack_hook));
    return;
  }
  tensor_ = alias(t);
}

void Saved::set_hooks(Object pack_hook, Object unpack_hook) {
  TensorRef t = tensor_;
  pack(*t, pack_hook.get(), std::move(unpack_hook));
  if (!is_result_) {
    Edge e = gradient_edge(*t);
    packed_->owner = Ref<Node>::steal(e.node);
    nr_ = e.nr;
  }
  tensor_ = nullptr;
}

/// Whether gradients of t go to this place already, so that it needs no other history.
static bool leads_to(Tensor& t, Node* node, uint32_t nr) {
  if (t.autograd && t.autograd->grad_fn)
    return t.autograd->grad_fn.get() == node && t.autograd->output_nr == nr;
  Edge edge = gradient_edge(t);
  Ref<Node> own = Ref<Node>::steal(edge.node);
  return own.get() == node && edge.nr == nr;
}

TensorRef Saved::unpack(Node* node, const char* what) const {
  if (packed_) {
    Object value = owned(PyObject_CallOneArg(packed_->unpack.get(), packed_->value.get()));
    check<TypeError>(is_tensor(value.get()), [&] {
      return message("saved_tensors_hooks: the unpack hook returned ",
                     Py_TYPE(value.get())->tp_name, ", not a Tensor.");
    });
    Tensor* unpacked = as_tensor(value.get());
    if (!is_result_ && leads_to(*unpacked, packed_->owner.get(), nr_))
      return TensorRef::borrow(unpacked);
    TensorRef t = alias(*unpacked);
    // Of a leaf it is the accumulator: gradients of what was unpacked are the leaf's.
    if (Node* history = is_result_ ? node : packed_->owner.get()) {
      AutogradMeta& meta = need_meta(*t);
      meta.grad_fn = Ref<Node>::borrow(history);
      meta.output_nr = nr_;
    }
    return t;
  }
  if (!tensor_) throw_released(node);
  uint32_t now = tensor_->version().value;
  check(now == version_, [&] {
    const char* writer = tensor_->version().writer;
    std::string name = node->name();
    if (auto at = name.find("Backward"); at != std::string::npos) name.resize(at);
    return message("backward of ", name, ": its saved ", is_result_ ? "result" : what, ", ",
                   describe(*tensor_),
                   ", has been modified by an inplace operation: ", writer ? writer : "an operator",
                   " wrote to it (version ", version_, " then, ", now,
                   " now). Use the out-of-place form of ", writer ? writer : "that operator",
                   ", or clone() the tensor before writing; autograd.set_detect_anomaly(True) "
                   "shows the forward line.");
  });
  check(!had_history_ || (tensor_->autograd && tensor_->autograd->grad_fn), [&] {
    return message(
        "backward of ", node->name(), ": its saved ", what, ", ", describe(*tensor_),
        ", has since left the graph by detach_(). Use detach(), which leaves the tensor itself "
        "in the graph.");
  });
  if (!is_result_) return tensor_;
  TensorRef t = alias(*tensor_);
  set_history(*t, node, nr_);
  return t;
}

// ---------------------------------------------------------------- what Python asks of saved values

static SavedValue find_saved(Node& node, const char* name) {
  return node.kind->find ? node.kind->find(&node, name) : SavedValue();
}

Object saved_value(Node& node, const char* name, bool raw) {
  SavedValue found = find_saved(node, name);
  if (!found.known) return Object::borrow(Py_NotImplemented);
  if (found.object) return found.object;
  const bool kept = found.tensor && !found.tensor->empty();
  if (found.tensor && !kept && node.released) throw_released(&node);
  if (raw || !kept) return Object::borrow(raw ? Py_Ellipsis : Py_None);
  return Object::steal(found.tensor->unpack(&node, "value").release_py());
}

void pack_saved(Node& node, PyObject* place, PyObject* pack, PyObject* unpack) {
  Saved* saved = nullptr;
  if (PyLong_Check(place)) {
    auto& function = reinterpret_cast<FunctionNode&>(node);
    Py_ssize_t left = PyLong_AsSsize_t(place);
    saved_values(function, [&](Saved* item) {
      if (left-- == 0) saved = item;
      return Object::borrow(Py_None);
    });
  } else {
    saved = find_saved(node, PyUnicode_AsUTF8(place)).tensor;
  }
  check(saved,
        [] { return message("register_hooks: None was saved here; there is no tensor to pack."); });
  check(!saved->has_hooks(),
        [] { return message("register_hooks: this saved tensor has a pair of hooks already."); });
  if (saved->empty()) throw_released(&node);
  saved->set_hooks(Object::borrow(pack), Object::borrow(unpack));
}

}  // namespace flambeau
