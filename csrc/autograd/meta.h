// What autograd knows of one tensor, and the questions operators ask of it.
// Needs the GIL.
#pragma once
#include "autograd/batch.h"
#include "autograd/node.h"
#include "tensor/declared.h"

namespace flambeau {

/// How a view came to be, which decides whether it may be written in place.
enum class Creation : uint8_t { normal, no_grad, multiple, function, inference };

struct AutogradMeta {
  TensorRef grad;
  Ref<Node> grad_fn;
  uint32_t output_nr = 0;
  Node* accumulator = nullptr;  // the leaf's AccumulateGrad while a graph holds it; not owned
  Object hooks;                 // dict of callables on this tensor's gradient
  Object post_accumulate_hooks;
  bool retains_grad = false;
  // views
  TensorRef base;
  uint32_t view_version = 0;  // when grad_fn was made; a later write to the base makes it stale
  Creation creation = Creation::normal;
  bool dtype_changed = false;    // a real view of complex memory, or a reinterpretation
  std::unique_ptr<Batch> batch;  // of a batched tensor

  void visit(Visitor& visitor) const {
    visitor(grad) && visitor(grad_fn) && visitor(hooks) && visitor(post_accumulate_hooks) &&
        visitor(base) && (batch ? visitor(batch->value) : true);
  }
  // Python's allocator: most views have one, and malloc takes a tenth of their time.
  static void* operator new(size_t size);
  static void operator delete(void* memory) { PyObject_Free(memory); }
};

inline Batch& batch_in(const Tensor& t) { return *t.autograd->batch; }
/// t's, made if need be; from then on the garbage collector watches t.
AutogradMeta& need_meta(Tensor& t);
void destroy_meta(Tensor& t);
/// Frees what a tensor holds; tp_dealloc calls it.
void clear_tensor(Tensor& t);
/// Drops what t's cycles could lead through, for the garbage collector.
void clear_meta(Tensor& t);

/// What every type of tensors does to die and for the garbage collector.
void tensor_dealloc(PyObject* self);
int tensor_traverse(PyObject* self, visitproc visit, void* context);
int tensor_clear(PyObject* self);

extern constinit thread_local bool grad_mode_enabled;
/// What holds in this thread, and its exchange.
bool is_grad_enabled();
bool set_grad_enabled(bool enabled);
bool is_inference_mode_enabled();
bool set_inference_mode(bool enabled);

/// True for a view whose base was written in place since its own history was made.
inline bool is_stale_view(const Tensor& t) {
  return t.autograd && t.autograd->base && t.autograd->view_version != t.version().value;
}
inline bool requires_grad(const Tensor& t) {
  if (t.requires_grad_leaf) return true;
  if (!t.autograd) return false;
  return t.autograd->grad_fn || (is_stale_view(t) && requires_grad(*t.autograd->base));
}
// The tensor first: a variable of the thread costs a call.
inline bool needs_record(const Tensor& t) { return requires_grad(t) && grad_mode_enabled; }
/// The same for views of t: inference tensors have none that autograd follows.
inline bool needs_view_record(const Tensor& t) { return needs_record(t) && !t.inference; }
inline bool is_leaf(const Tensor& t) { return t.requires_grad_leaf || !requires_grad(t); }

/// t's grad_fn, brought up to date if t is a view whose base was written; null for leaves.
Node* grad_fn_of(Tensor& t);
/// Where t's gradient goes ({null, 0} if nowhere); a leaf's accumulator is made if need be.
/// The caller owns a reference to the node.
Edge gradient_edge(Tensor& t);
/// Makes t (may be null) the i-th input of node.
inline void set_edge(Node* node, uint32_t i, Tensor* t) {
  node->edges[i] = t ? gradient_edge(*t) : Edge{nullptr, 0};
}

/// Makes node the history of a result. Hooks stay with the value they were registered for; a
/// retained gradient follows the tensor.
void set_history(Tensor& result, Node* node, uint32_t nr = 0);
/// Notes that `view` looks at base's memory.
void set_view(Tensor& view, Tensor& base, Creation creation = Creation::normal);
/// t has been given other memory than its base's, so it is no view of it any more.
void leave_base(Tensor& t);
/// Nothing but t shows t's base any more: t is no view, what is written to it nobody else sees.
inline void leave_lost_base(Tensor& t) {
  if (t.autograd && t.autograd->base && Py_REFCNT(t.autograd->base->py()) == 1) leave_base(t);
}
/// The same of what an operator gives its caller: it may have made it by a view of its own memory.
inline TensorRef as_result(TensorRef t) {
  if (t && Py_REFCNT(t.py()) == 1) leave_lost_base(*t);
  return t;
}

/// Raises if t was made in inference mode and is to be written outside of it.
void check_no_inference(const Tensor& t, const char* operator_name);
/// Raises if t may not be written in place now; call before writing. `records`: what is written
/// will give t a history.
void check_inplace(Tensor& t, const char* operator_name, bool records = false);
/// After a write in place: t's history becomes node (through the base, if t is a view). node may be
/// null.
void rebase_history(Tensor& t, Node* node, uint32_t nr = 0);
/// From now on t's gradient is kept in its grad; t requires grad.
void retain_grad(Tensor& t);

class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : previous_(grad_mode_enabled) {
    grad_mode_enabled = enabled;
  }
  ~GradModeGuard() { grad_mode_enabled = previous_; }
  GradModeGuard(const GradModeGuard&) = delete;

 private:
  bool previous_;
};

inline constexpr std::tuple mode_functions{
    declare<set_grad_enabled>("_set_grad_enabled", "enabled"),
    declare<set_inference_mode>("_set_inference_mode", "enabled"),
    fact(function(declare<is_grad_enabled>("is_grad_enabled", " -> bool",
                                           "Whether operators are recorded."))),
    fact(function(declare<is_inference_mode_enabled>("is_inference_mode_enabled", " -> bool",
                                                     "Whether inference mode is on.")))};

}  // namespace flambeau
