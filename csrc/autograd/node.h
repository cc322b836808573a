// The autograd graph: a Node computes the gradients of one operator's inputs from those of its
// outputs. Nodes are Python objects (grad_fn shows them) with a table of functions for what differs
// between kinds. All of it needs the GIL.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tensor/collected.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

struct Node;

/// Where a gradient goes: the nr-th output of the operator that node differentiates. node null:
/// nowhere.
struct Edge {
  Node* node;
  uint32_t nr;
};

/// Sizes, dtype and device of a forward result, which its gradient must have.
struct ResultMeta {
  int64_t inline_sizes[inline_ndim];
  std::unique_ptr<int64_t[]> more_sizes;  // used above inline_ndim dimensions
  uint8_t ndim = 0;
  DType dtype = DType::float32;
  Device device;
  void set(const Tensor& t);
  bool describes(const Tensor& t) const { return dtype == t.dtype && dims() == sizes_of(t); }
  const int64_t* sizes() const { return ndim > inline_ndim ? more_sizes.get() : inline_sizes; }
  Dims dims() const { return {sizes(), ndim}; }
};

struct NodeKind {
  /// Fills grad_inputs (one for each edge) from grad_outputs (some may be null).
  void (*backward)(Node* self, TensorRef* grad_outputs, TensorRef* grad_inputs);
  /// Drops what was saved for backward.
  void (*release)(Node* self);
  /// Calls the destructor of the concrete type.
  void (*destroy)(Node* self);
  /// Shows the garbage collector what the concrete type holds; null if that is nothing.
  void (*visit)(Node* self, Visitor& visitor) = nullptr;
  /// What backward keeps under `name` ("self", "other", "result"); see SavedValue.
  struct SavedValue (*find)(Node* self, const char* name) = nullptr;
  /// Whether backward takes sparse gradients; null: it does not.
  bool (*takes_sparse)(Node* self) = nullptr;
};

/// What few nodes have.
struct NodeExtras {
  std::vector<std::pair<uint32_t, Object>>
      tensor_hooks;  // (output, dict of callables), run on its gradient
  std::vector<std::pair<uint32_t, Object>>
      retained;                  // (output, weak reference to a tensor with retain_grad)
  Object pre_hooks, post_hooks;  // dicts of callables
  Object metadata;               // dict, for anomaly mode and users
};

struct Node {
  PyObject_HEAD const NodeKind* kind;
  uint64_t sequence;
  uint32_t slot;  // of the engine's table, while a backward runs
  uint32_t n_edges;
  uint32_t n_results;
  bool released;
  Edge* edges;
  Edge inline_edges[3];
  NodeExtras* extras;
  PyObject* dict;
  PyObject* weakrefs;
  ResultMeta* results;
  ResultMeta inline_results[1];

  PyObject* py() { return reinterpret_cast<PyObject*>(this); }
  const char* name() const;
  NodeExtras& need_extras() {
    if (!extras) extras = new NodeExtras;
    return *extras;
  }
  void set_edges(uint32_t n);
  void set_results(uint32_t n);
};

extern PyTypeObject* node_type;
/// The Python type of nodes called `name` ("AddBackward0"), made at its first use.
PyTypeObject* node_subtype(const std::string& name, PyTypeObject* base = nullptr);

/// A new node of concrete type T (which begins with a Node called `node`).
template <class T>
Ref<T> make_node(PyTypeObject* type, const NodeKind* kind);

void init_node(Node* node, PyTypeObject* type, const NodeKind* kind);

template <class T>
Ref<T> make_unwatched_node(PyTypeObject* type, const NodeKind* kind) {
  void* memory = collected_memory(sizeof(T));
  if (!memory) throw std::bad_alloc();
  T* node = new (memory) T();
  init_node(&node->node, type, kind);
  return Ref<T>::steal(node);
}

template <class T>
Ref<T> make_node(PyTypeObject* type, const NodeKind* kind) {
  Ref<T> node = make_unwatched_node<T>(type, kind);
  watch(node.py());
  return node;
}

/// The release of nodes that save nothing.
inline void nothing(Node*) {}

template <class T>
void destroy_as(Node* self) {
  reinterpret_cast<T*>(self)->~T();
}

/// A tensor kept for backward. Holds the tensor itself, or for a result of the same node a copy
/// without history (the node would keep itself alive otherwise). Notices writes in place since.
class Saved {
 public:
  void save(Tensor& t);
  void save_result(Tensor& t, uint32_t nr);
  /// The tensor as it was; `what` names it in errors ("result", "input").
  TensorRef unpack(Node* node, const char* what) const;
  bool empty() const { return !tensor_ && !packed_; }
  /// Whether it was written in place since, so that unpack() refuses.
  bool changed() const { return tensor_ && tensor_->version().value != version_; }
  bool has_hooks() const { return packed_ != nullptr; }
  /// Sends the value through pack now and through unpack whenever it is asked for.
  void set_hooks(Object pack, Object unpack);
  void reset() {
    tensor_ = nullptr;
    packed_ = nullptr;
  }
  void visit(Visitor& visitor) const {
    visitor(tensor_);
    if (packed_) visitor(packed_->value) && visitor(packed_->unpack) && visitor(packed_->owner);
  }

 private:
  /// With saved_tensors_hooks: what pack made, how to undo it, and where an input's gradient goes.
  struct Packed {
    Object value, unpack;
    Ref<Node> owner;
  };
  void pack(Tensor& t, PyObject* pack_hook, Object unpack_hook);
  TensorRef tensor_;
  std::unique_ptr<Packed> packed_;
  uint32_t version_ = 0;
  uint32_t nr_ : 30 = 0;
  uint32_t is_result_ : 1 = false;
  uint32_t had_history_ : 1 = false;  // an input that was no leaf: it must not lose its history
};

/// One thing that a node keeps: a tensor, or a plain object (a number, sizes); neither: an argument
/// that was not kept. `known` is false where the operator has nothing of that name.
struct SavedValue {
  bool known = false;
  Saved* tensor = nullptr;
  Object object = {};
};
/// What backward would hand on for these gradients of a node's outputs, null where there is none.
std::vector<TensorRef> call_node(Node& node, const std::vector<Tensor*>& grad_outputs);
/// What a node keeps under a name, a tensor as it was: NotImplemented where it knows no such name,
/// and with `raw` Ellipsis in place of a tensor or of nothing.
Object saved_value(Node& node, const char* name, bool raw);
/// The tensor that is saved under a name, or as an item of save_for_backward, goes through pack now
/// and through unpack when it is needed.
void pack_saved(Node& node, PyObject* place, PyObject* pack, PyObject* unpack);

/// What every type of nodes does to die and for the garbage collector.
void node_dealloc(PyObject* self);
int node_traverse(PyObject* self, visitproc visit, void* context);
int node_clear(PyObject* self);

[[noreturn]] void throw_released(Node* node);
/// "true_divide" -> "DivBackward0": PyTorch's name of an operator's node.
std::string backward_name(const std::string& operator_name);

void initialize_nodes(PyObject* module);

inline constexpr std::tuple node_functions{
    declare<backward_name>("_backward_name", "operator_name"),
    declare<call_node>("_call_node", "node, grad_outputs"),
    declare<saved_value>("_saved_value", "node, name, raw"),
    declare<pack_saved>("_pack_saved", "node, place, pack, unpack")};

}  // namespace flambeau
