#include "autograd/node.h"

#include <Python.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "autograd/accumulate.h"
#include "autograd/engine.h"
#include "autograd/meta.h"
#include "autograd/order.h"
#include "autograd/saved_hooks.h"
#include "tensor/device_scope.h"

namespace flambeau {

PyTypeObject* node_type = nullptr;
static uint64_t next_sequence = 0;

void ResultMeta::set(const Tensor& t) {
  dtype = t.dtype;
  if (other_devices) device = t.device();
  ndim = t.ndim;
  if (ndim > inline_ndim) more_sizes = std::make_unique<int64_t[]>(ndim);
  std::copy_n(t.sizes, ndim, ndim > inline_ndim ? more_sizes.get() : inline_sizes);
}

const char* Node::name() const {
  const char* full = Py_TYPE(this)->tp_name;
  const char* dot = strrchr(full, '.');
  return dot ? dot + 1 : full;
}

void Node::set_edges(uint32_t n) {
  n_edges = n;
  edges = n <= 3 ? inline_edges : static_cast<Edge*>(PyMem_Calloc(n, sizeof(Edge)));
  for (uint32_t i = 0; i < n; ++i) edges[i] = {nullptr, 0};
}

void Node::set_results(uint32_t n) {
  n_results = n;
  if (n > 1) results = new ResultMeta[n];
}

void init_node(Node* node, PyTypeObject* type, const NodeKind* kind) {
  PyObject_Init(node->py(), type);
  node->kind = kind;
  node->sequence = next_sequence++;
  node->slot = 0;
  node->n_edges = 0;
  node->n_results = 1;
  node->released = false;
  node->edges = node->inline_edges;
  node->extras = nullptr;
  node->dict = nullptr;
  node->weakrefs = nullptr;
  node->results = node->inline_results;
  if (anomaly_mode) {
    // The forward line, for the message of a failing backward.
    PyObject* traceback = PyImport_ImportModule("traceback");
    PyObject* lines = traceback ? PyObject_CallMethod(traceback, "format_stack", nullptr) : nullptr;
    PyObject* metadata = PyDict_New();
    if (lines && metadata) PyDict_SetItemString(metadata, "traceback_", lines);
    // Made by a backward: what went wrong may go back to the line of that node's forward.
    if (Node* parent = running_node(); parent && metadata)
      PyDict_SetItemString(metadata, "parent_", parent->py());
    PyErr_Clear();
    Py_XDECREF(lines);
    Py_XDECREF(traceback);
    node->need_extras().metadata = Object::steal(metadata);
  }
}

uint64_t set_next_sequence(uint64_t next) { return std::exchange(next_sequence, next); }

void throw_released(Node* node) {
  throw Error(
      message("backward of ", node->name(),
              ": what it saved was freed by an earlier backward, so the graph cannot be "
              "walked a second time. Specify retain_graph=True in the earlier backward() or "
              "autograd.grad()."));
}

// A chain of a million nodes must not recurse: nodes that die while one is being destroyed wait in
// a list.
static thread_local std::vector<Node*>* dying = nullptr;

static void destroy_node(Node* node) {
  PyTypeObject* type = Py_TYPE(node);
  for (uint32_t i = 0; i < node->n_edges; ++i)
    Py_XDECREF(reinterpret_cast<PyObject*>(node->edges[i].node));
  if (node->edges != node->inline_edges) PyMem_Free(node->edges);
  if (node->results != node->inline_results) delete[] node->results;
  delete node->extras;
  Py_CLEAR(node->dict);
  node->kind->destroy(node);
  free_collected(node->py());
  Py_DECREF(type);
}

void node_dealloc(PyObject* self) {
  Node* node = reinterpret_cast<Node*>(self);
  unwatch(self);
  if (node->weakrefs) PyObject_ClearWeakRefs(self);
  forget_accumulator(node);
  if (dying) {
    dying->push_back(node);
    return;
  }
  std::vector<Node*> list;
  dying = &list;
  destroy_node(node);
  while (!list.empty()) {
    Node* next = list.back();
    list.pop_back();
    destroy_node(next);
  }
  dying = nullptr;
}

int node_traverse(PyObject* self, visitproc visit, void* context) {
  Node* node = reinterpret_cast<Node*>(self);
  Visitor visitor(visit, context);
  visitor(Py_TYPE(self));
  for (uint32_t i = 0; i < node->n_edges; ++i) {
    Node* next = node->edges[i].node;
    visitor(next);
    // An accumulator that only this node owns is not watched: most die with it.
    if (next && !is_watched(next->py()) && Py_REFCNT(next->py()) == 1 && next->kind->visit)
      next->kind->visit(next, visitor);
  }
  visitor(node->dict);
  if (NodeExtras* extras = node->extras) {
    for (auto& hooks : extras->tensor_hooks) visitor(hooks.second);
    for (auto& weak : extras->retained) visitor(weak.second);
    visitor(extras->pre_hooks) && visitor(extras->post_hooks) && visitor(extras->metadata);
  }
  if (node->kind->visit) node->kind->visit(node, visitor);
  return visitor.result();
}

int node_clear(PyObject* self) {
  Node* node = reinterpret_cast<Node*>(self);
  for (uint32_t i = 0; i < node->n_edges; ++i)
    Py_XDECREF(reinterpret_cast<PyObject*>(std::exchange(node->edges[i].node, nullptr)));
  delete std::exchange(node->extras, nullptr);
  Py_CLEAR(node->dict);
  node->released = true;
  node->kind->release(node);
  return 0;
}

std::string backward_name(const std::string& operator_name) {
  // Where one of ours stands for another of PyTorch's.
  static const std::unordered_map<std::string, const char*> others = {
      {"true_divide", "div"},
      {"square", "pow"},
      {"index_cells", "index"},
      {"log_sum_exp", "logsumexp"},
      {"layer_norm", "native_layer_norm"},
      {"group_norm", "native_group_norm"},
      {"batch_norm", "native_batch_norm"},
      {"conv_forward", "convolution"},
      {"determinant", "linalg_det"},
      {"inverse", "linalg_inv_ex"},
      {"index_write", "index_put"}};
  std::string plain = operator_name.substr(operator_name.find_first_not_of('_'));
  auto other = others.find(plain);
  std::string name;
  bool upper = true;
  for (char c : other == others.end() ? plain : std::string(other->second)) {
    if (c != '_') name += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = c == '_' || (c >= '0' && c <= '9');
  }
  return name + "Backward0";
}

PyTypeObject* node_subtype(const std::string& name, PyTypeObject* base) {
  static auto* types = new std::unordered_map<std::string, PyTypeObject*>;
  // Nodes of one name may have several layouts: their types differ by the base.
  auto [at, fresh] = types->try_emplace(base ? name + '/' + base->tp_name : name, nullptr);
  if (fresh) {
    // tp_name must outlive the type.
    PyType_Slot slots[] = {{Py_tp_base, base ? base : node_type},
                           {Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                           {0, nullptr}};
    static auto* names = new std::vector<std::string*>;
    names->push_back(new std::string("flambeau.autograd." + name));
    PyType_Spec spec = {names->back()->c_str(), sizeof(Node), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    at->second = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!at->second) throw PythonError();
  }
  return at->second;
}

std::vector<TensorRef> call_node(Node& node, const std::vector<Tensor*>& grad_outputs) {
  check<TypeError>(grad_outputs.size() == node.n_results, [&] {
    return message(node.name(), ": takes ", node.n_results, " gradients, one for each output, but ",
                   grad_outputs.size(), " were given.");
  });
  std::vector<TensorRef> grads, results(node.n_edges);
  std::vector<PyObject*> given;
  for (Tensor* t : grad_outputs) {
    grads.push_back(t ? TensorRef::borrow(t) : TensorRef());
    given.push_back(t ? t->py() : Py_None);
  }
  DeviceScope scope(node.name(), given.data(), static_cast<Py_ssize_t>(given.size()));
  node.kind->backward(&node, grads.data(), results.data());
  return results;
}

}  // namespace flambeau
