#include "autograd/meta.h"
#include "autograd/saved_hooks.h"

namespace flambeau {

static std::vector<std::pair<Object, Object>>& hook_stack() {
  static auto* stack = new std::vector<std::pair<Object, Object>>;
  return *stack;
}

void push_saved_hooks(PyObject* pack, PyObject* unpack) {
  hook_stack().emplace_back(Object::borrow(pack), Object::borrow(unpack));
}
void pop_saved_hooks() {
  if (!hook_stack().empty()) hook_stack().pop_back();
}

void Saved::pack(Tensor& t) {
  auto& [pack_hook, unpack_hook] = hook_stack().back();
  TensorRef plain = alias(t);
  packed_ = std::make_unique<Packed>();
  packed_->value = Object::steal(PyObject_CallOneArg(pack_hook.get(), plain.py()));
  if (!packed_->value) throw PythonError();
  packed_->unpack = unpack_hook;
}

void Saved::save(Tensor& t) {
  version_ = t.version().value;
  if (!hook_stack().empty()) {
    // History of the unpacked value: a node that leads where t's gradient goes.
    pack(t);
    Edge e = gradient_edge(t);
    packed_->owner = Ref<Node>::steal(e.node);
    nr_ = e.nr;
    return;
  }
  tensor_ = TensorRef::borrow(&t);
}

void Saved::save_result(Tensor& t, uint32_t nr) {
  version_ = t.version().value;
  nr_ = nr;
  is_result_ = true;
  if (!hook_stack().empty()) {
    pack(t);
    return;
  }
  tensor_ = alias(t);
}

TensorRef Saved::unpack(Node* node, const char* what) const {
  if (packed_) {
    Object value = Object::steal(PyObject_CallOneArg(packed_->unpack.get(), packed_->value.get()));
    if (!value) throw PythonError();
    check<TypeError>(is_tensor(value.get()), [&] {
      return message("saved_tensors_hooks: the unpack hook returned ",
                     Py_TYPE(value.get())->tp_name, ", not a Tensor.");
    });
    TensorRef t = alias(*as_tensor(value.get()));
    Node* history = is_result_ ? node : packed_->owner.get();
    if (history && strcmp(history->name(), "AccumulateGrad") != 0)
      set_history(*t, history, nr_);
    else if (history)
      t = accumulated_variable(history) ? TensorRef::borrow(accumulated_variable(history)) : t;
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
  if (!is_result_) return tensor_;
  TensorRef t = alias(*tensor_);
  set_history(*t, node, nr_);
  return t;
}

}  // namespace flambeau
