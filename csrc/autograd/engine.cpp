#include "autograd/engine.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "autograd/accumulate.h"
#include "autograd/borrowed.h"
#include "autograd/door.h"
#include "autograd/saved_hooks.h"
#include "autograd/sparse.h"
#include "autograd/wanted.h"
#include "tensor/device_scope.h"
#include "tensor/objects.h"

namespace flambeau {

bool anomaly_mode = false;
bool anomaly_check_nan = true;

namespace {

struct Entry {
  Ref<Node> node;
  uint32_t waiting = 0;        // edges into this node that have not delivered yet
  uint32_t previous_slot = 0;  // of a surrounding backward
  bool needed = true;          // lies on a path to a wanted input
  bool run = true;             // its own backward is wanted (false: only its incoming gradient)
  int capture = -1;            // first of the wanted inputs whose gradient arrives here
  Node* giver = nullptr;       // the node that all of grads comes from, if it is one
  std::vector<TensorRef> grads;
};

/// The edges of the node that runs whose gradients nobody wants, a bit each. It is set while no
/// other thread's pass is under way, and every pass sets it before each node: one that begins
/// meanwhile can only make another compute more than it needs.
struct Unwanted {
  const Node* node = nullptr;
  uint64_t edges = 0;
};
Unwanted unwanted;

class Run;
thread_local Run* current = nullptr;
thread_local Node* running = nullptr;
int64_t runs_started = 0, runs_active = 0;

class Run {
 public:
  explicit Run(Backward& task)
      : task_(task),
        number_(runs_started++),
        current_(current),
        outer_(std::exchange(current_, this)) {
    depth_ = outer_ ? outer_->depth_ + 1 : 1;
    alone_ = ++runs_active == depth_;
  }
  ~Run() {
    current_ = outer_;
    --runs_active;
    for (Entry& e : entries_) e.node->slot = e.previous_slot;
    for (auto& [edge, grad] : root_edges_) Py_XDECREF(reinterpret_cast<PyObject*>(edge.node));
    for (auto& edge : wanted_) Py_XDECREF(reinterpret_cast<PyObject*>(edge.node));
  }

  Run(const Run&) = delete;

  std::vector<TensorRef> operator()();

  int64_t number() const { return number_; }
  int depth() const { return depth_; }
  bool will_run(Node* node);
  bool will_reach(Node* node);
  Object order_of_execution();
  std::vector<Object> callbacks;

 private:
  void add_root(size_t i);
  uint32_t entry_of(Node* node);
  void discover();
  void mark_needed();
  void seed();
  Unwanted unwanted_of(uint32_t at);
  void run_node(uint32_t at);
  void deliver(uint32_t from, uint32_t edge, TensorRef grad);
  void receive(uint32_t at, uint32_t nr, TensorRef grad);
  int64_t find(Node* node);
  void run_tensor_hooks(Node* node, std::vector<TensorRef>& grads);
  void run_pre_hooks(Node* node, std::vector<TensorRef>& grads);
  void retain(Node* node, std::vector<TensorRef>& grads);
  void capture(Node* node, std::vector<TensorRef>& grads);

  Backward& task_;
  std::vector<Entry> entries_;
  std::vector<std::pair<Edge, TensorRef>> root_edges_;
  std::vector<Edge> wanted_;
  std::vector<TensorRef> captured_;
  std::priority_queue<std::pair<uint64_t, uint32_t>> ready_;
  // Places of the nodes, where another thread's backward may have used their slots.
  std::unordered_map<Node*, uint32_t> places_;
  int64_t now_ = -1;  // the entry whose hooks or backward run
  int64_t number_;
  int depth_;
  bool alone_;     // when it began, no backward ran but those around it
  Run*& current_;  // of this thread
  Run* outer_;
};

/// The entry of node, -1 if it has none.
int64_t Run::find(Node* node) {
  if (node->slot < entries_.size() && entries_[node->slot].node.get() == node) return node->slot;
  if (alone_ && runs_started == number_ + 1) return -1;
  for (size_t at = places_.size(); at < entries_.size(); ++at)
    places_.emplace(entries_[at].node.get(), static_cast<uint32_t>(at));
  auto place = places_.find(node);
  return place == places_.end() ? int64_t{-1} : int64_t{place->second};
}

uint32_t Run::entry_of(Node* node) {
  if (int64_t at = find(node); at >= 0) return static_cast<uint32_t>(at);
  auto at = static_cast<uint32_t>(entries_.size());
  entries_.emplace_back();
  entries_[at].node = Ref<Node>::borrow(node);
  entries_[at].previous_slot = node->slot;
  node->slot = at;
  return at;
}

bool Run::will_run(Node* node) {
  check(!task_.capture || node->n_edges > 0, [] {
    return message(
        "will_engine_execute_node: grad() takes the gradients of leaves itself and calls "
        "none of their nodes. Ask about another node, or from a hook of backward().");
  });
  int64_t at = find(node);
  return at >= 0 && entries_[static_cast<size_t>(at)].run;
}

bool Run::will_reach(Node* node) {
  int64_t at = find(node);
  return at >= 0 && entries_[static_cast<size_t>(at)].needed;
}

Object Run::order_of_execution() {
  Object list = Object::steal(PyList_New(0));
  std::vector<uint32_t> waiting;
  for (Entry& e : entries_) waiting.push_back(e.waiting);
  auto ready = ready_;
  if (now_ >= 0)
    ready.emplace(UINT64_MAX, static_cast<uint32_t>(now_));  // its hooks run: it is next
  while (!ready.empty()) {
    uint32_t at = ready.top().second;
    ready.pop();
    Node* node = entries_[at].node.get();
    bool listed = entries_[at].run || entries_[at].capture >= 0;
    if (listed && PyList_Append(list.get(), node->py()) < 0) throw PythonError();
    for (uint32_t i = 0; i < node->n_edges; ++i)
      if (Node* next = node->edges[i].node)
        if (uint32_t to = entry_of(next); --waiting[to] == 0) ready.emplace(next->sequence, to);
  }
  return list;
}

void Run::discover() {
  for (size_t at = 0; at < entries_.size(); ++at) {
    Node* node = entries_[at].node.get();
    for (uint32_t i = 0; i < node->n_edges; ++i)
      if (Node* next = node->edges[i].node) ++entries_[entry_of(next)].waiting;
  }
}

/// Only what leads to the wanted inputs runs.
void Run::mark_needed() {
  if (task_.inputs.empty()) return;
  for (Entry& e : entries_) e.needed = e.run = false;
  for (size_t i = 0; i < wanted_.size(); ++i) {
    Node* node = wanted_[i].node;
    int64_t at = node ? find(node) : -1;
    if (at < 0) continue;
    Entry& e = entries_[static_cast<size_t>(at)];
    e.needed = true;
    // backward(inputs=...) runs their nodes, as PyTorch does; grad(inputs=...) stops before them.
    e.run = !task_.capture;
    if (e.capture < 0) e.capture = static_cast<int>(i);
  }
  // A node stands behind all that lead to it. When they were recorded does not tell: a view whose
  // base was written gets its node from the operator that reads it.
  std::vector<uint32_t> order, waiting(entries_.size());
  order.reserve(entries_.size());
  for (uint32_t at = 0; at < waiting.size(); ++at)
    if ((waiting[at] = entries_[at].waiting) == 0) order.push_back(at);
  for (size_t i = 0; i < order.size(); ++i) {
    Node* node = entries_[order[i]].node.get();
    for (uint32_t k = 0; k < node->n_edges; ++k)
      if (Node* next = node->edges[k].node)
        if (uint32_t to = entry_of(next); --waiting[to] == 0) order.push_back(to);
  }
  std::reverse(order.begin(), order.end());
  for (uint32_t at : order) {
    Node* node = entries_[at].node.get();
    for (uint32_t i = 0; i < node->n_edges && !entries_[at].run; ++i)
      if (Node* next = node->edges[i].node; next && entries_[entry_of(next)].needed)
        entries_[at].run = true;
    if (entries_[at].run) entries_[at].needed = true;
  }
}

void Run::seed() {
  for (auto& [edge, grad] : root_edges_) receive(entry_of(edge.node), edge.nr, grad);
  for (uint32_t at = 0; at < entries_.size(); ++at)
    if (entries_[at].waiting == 0) ready_.emplace(entries_[at].node->sequence, at);
}

TensorRef checked_hook_result(Object& result, const TensorRef& grad) {
  if (!result) throw PythonError();
  if (result.get() == Py_None) return grad;
  check<TypeError>(is_tensor(result.get()), [&] {
    return message("hook: returned ", Py_TYPE(result.get())->tp_name,
                   ", which is neither a Tensor nor None. Return the new gradient, or None to "
                   "keep it.");
  });
  Tensor* t = as_tensor(result.get());
  check(!grad || sizes_of(*t) == sizes_of(*grad), [&] {
    return message("hook: returned a gradient of shape ", shape(*t),
                   "; the one it was given has shape ", shape(*grad),
                   ". Return the same shape, or None to keep it.");
  });
  return TensorRef::borrow(t);
}

/// Of an operator with several outputs some may have no gradient: their hooks get None.
void call_tensor_hooks(PyObject* dict, TensorRef& grad) {
  check<TypeError>(PyDict_Check(dict), [&] {
    return message("_backward_hooks: hooks are values of a dict, not of ", Py_TYPE(dict)->tp_name,
                   ".");
  });
  Object values = Object::steal(PyDict_Values(dict));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
    PyObject* given = grad ? grad.py() : Py_None;
    Object result = Object::steal(PyObject_CallOneArg(PyList_GET_ITEM(values.get(), i), given));
    grad = checked_hook_result(result, grad);
  }
}

Object tuple_of(const std::vector<TensorRef>& tensors) {
  Object tuple = Object::steal(PyTuple_New(static_cast<Py_ssize_t>(tensors.size())));
  for (size_t i = 0; i < tensors.size(); ++i) {
    PyObject* item = tensors[i] ? tensors[i].py() : Py_None;
    Py_INCREF(item);
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), item);
  }
  return tuple;
}

/// Replaces grads by what a node hook returned (None: unchanged).
void take_hook_grads(PyObject* result, std::vector<TensorRef>& grads, const char* which) {
  if (result == Py_None) return;
  Object items = owned(is_tensor(result) ? PyTuple_Pack(1, result) : PySequence_Tuple(result));
  check(PyTuple_GET_SIZE(items.get()) == static_cast<Py_ssize_t>(grads.size()), [&] {
    return message(which, " hook: returned ", PyTuple_GET_SIZE(items.get()),
                   " gradients; it was given ", grads.size(),
                   ". Return as many, or None to keep them.");
  });
  for (size_t i = 0; i < grads.size(); ++i) {
    PyObject* item = PyTuple_GET_ITEM(items.get(), static_cast<Py_ssize_t>(i));
    if (item != Py_None) grads[i] = TensorRef::borrow(as_tensor(item));
  }
}

void Run::run_tensor_hooks(Node* node, std::vector<TensorRef>& grads) {
  if (node->kind == &accumulate_kind) {
    Tensor* leaf = accumulated_variable(node);
    if (leaf->autograd && leaf->autograd->hooks)
      call_tensor_hooks(leaf->autograd->hooks.get(), grads[0]);
  }
  if (!node->extras) return;
  // A hook may register another, or renew what it hangs on: the list is taken as it is now.
  auto all = node->extras->tensor_hooks;
  for (auto& [nr, hooks] : all) call_tensor_hooks(hooks.get(), grads[nr]);
}

void Run::run_pre_hooks(Node* node, std::vector<TensorRef>& grads) {
  if (node->extras && node->extras->pre_hooks) {
    Object values = Object::steal(PyDict_Values(node->extras->pre_hooks.get()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
      Object tuple = tuple_of(grads);
      Object result = owned(PyObject_CallOneArg(PyList_GET_ITEM(values.get(), i), tuple.get()));
      take_hook_grads(result.get(), grads, "pre");
    }
  }
}

/// Into .grad of the tensors with retain_grad.
void Run::retain(Node* node, std::vector<TensorRef>& grads) {
  if (!node->extras) return;
  auto all = node->extras->retained;
  for (auto& [nr, weak] : all) {
    PyObject* object = PyWeakref_GetObject(weak.get());
    if (object == Py_None || !grads[nr]) continue;
    TensorRef t = TensorRef::borrow(as_tensor(object));
    TensorRef sum = need_meta(*t).grad ? add(*need_meta(*t).grad, *grads[nr]) : grads[nr];
    need_meta(*t).grad = std::move(sum);
  }
}

void Run::capture(Node* node, std::vector<TensorRef>& grads) {
  for (size_t i = 0; i < wanted_.size(); ++i)
    if (wanted_[i].node == node) captured_[i] = grads[wanted_[i].nr];
}

void check_nan(Node* node, const std::vector<TensorRef>& grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i] || !is_differentiable(grads[i]->dtype) || grads[i]->is_meta()) continue;
    const TensorRef& grad = is_sparse(*grads[i]) ? grads[i]->storage->sparse->values : grads[i];
    Dims all;
    for (int d = 0; d < grad->ndim; ++d) all.push(d);
    TensorRef total;
    {
      GradModeGuard off(false);
      total = to_dtype(*sum(*grad, all, false), DType::float64);
    }
    if (total->as<double>()[0] != total->as<double>()[0])
      throw Error(
          message(node->name(), ": its gradient number ", i,
                  " holds NaN, found by anomaly mode. The traceback printed above shows the "
                  "forward call."));
  }
}

void compute_watched(Node* node, std::vector<TensorRef>& grads, std::vector<TensorRef>& results) {
  struct Work {
    Node* node;
    TensorRef *grads, *results;
  } work{node, grads.data(), results.data()};
  auto compute = [](void* context) {
    auto& w = *static_cast<Work*>(context);
    w.node->kind->backward(w.node, w.grads, w.results);
  };
  watch_node(node, std::vector<TensorRef>(grads), results, compute, &work);
}

void report_anomaly(Node* node) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Object hooks = Object::steal(PyImport_ImportModule("flambeau.autograd.hooks"));
  PyObject* metadata =
      node->extras && node->extras->metadata ? node->extras->metadata.get() : Py_None;
  Object done = hooks ? Object::steal(PyObject_CallMethod(hooks.get(), "report_anomaly", "sO",
                                                          node->name(), metadata))
                      : Object();
  if (!done) PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

Unwanted Run::unwanted_of(uint32_t at) {
  if (task_.inputs.empty() || runs_active != depth_) return {};
  const Node* node = entries_[at].node.get();
  Unwanted found{node, 0};
  for (uint32_t i = 0; i < std::min<uint32_t>(node->n_edges, 64); ++i)
    if (Node* next = node->edges[i].node)
      if (int64_t to = find(next); to >= 0 && !entries_[static_cast<size_t>(to)].needed)
        found.edges |= uint64_t{1} << i;
  return found.edges ? found : Unwanted{};
}

void Run::run_node(uint32_t at) {
  Ref<Node> node = entries_[at].node;
  std::vector<TensorRef> grads = std::move(entries_[at].grads);
  grads.resize(node->n_results);
  bool any = false;
  for (auto& g : grads) any |= static_cast<bool>(g);
  const char* name = nullptr;
  Device device;
  for (size_t i = 0; other_devices && i < grads.size(); ++i)
    if (grads[i]) name = node->name(), device = grads[i]->device();
  DeviceScope scope(name, device);
  std::vector<TensorRef> results(node->n_edges);
  if (any && entries_[at].needed) {
    own_seen(node.get(), entries_[at].capture >= 0 && task_.capture, entries_[at].giver, grads);
    run_tensor_hooks(node.get(), grads);
    retain(node.get(), grads);
    if (entries_[at].capture >= 0 && task_.capture) capture(node.get(), grads);
    if (entries_[at].run) {
      run_pre_hooks(node.get(), grads);
      if (sparse_tensors) [[unlikely]]
        fit_to_node(node.get(), grads);
      std::vector<TensorRef> seen;
      bool post = node->extras && node->extras->post_hooks;
      if (post) seen = grads;
      struct Mark {
        Node*& place = running;  // of this thread; asked for once, which costs a call
        Node* outer;
        explicit Mark(Node* now) : outer(std::exchange(place, now)) {}
        ~Mark() { place = outer; }
      } mark(node.get());
      struct Narrowed {
        const Run& run;
        const Unwanted outer;
        Narrowed(const Run& r, Unwanted now) : run(r), outer(std::exchange(unwanted, now)) {}
        // What it was is of a pass around this one, unless another thread has begun one.
        ~Narrowed() { unwanted = runs_active == run.depth_ ? outer : Unwanted{}; }
      } narrowed(*this, unwanted_of(at));
      try {
        if (watchers & watch_inside)
          compute_watched(node.get(), grads, results);
        else
          node->kind->backward(node.get(), grads.data(), results.data());
        if (anomaly_mode && anomaly_check_nan) check_nan(node.get(), results);
      } catch (...) {
        if (anomaly_mode) report_anomaly(node.get());
        throw;
      }
      if (post) {
        Object values = Object::steal(PyDict_Values(node->extras->post_hooks.get()));
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
          Object ins = tuple_of(results), outs = tuple_of(seen);
          Object result = owned(PyObject_CallFunctionObjArgs(PyList_GET_ITEM(values.get(), i),
                                                             ins.get(), outs.get(), nullptr));
          take_hook_grads(result.get(), results, "post");
        }
      }
      if (!task_.retain_graph) {
        node->kind->release(node.get());
        node->released = true;
      }
    }
  }
  grads.clear();
  for (uint32_t i = 0; i < node->n_edges; ++i)
    if (node->edges[i].node) deliver(at, i, std::move(results[i]));
}

void Run::deliver(uint32_t from, uint32_t i, TensorRef grad) {
  Edge edge = entries_[from].node->edges[i];
  uint32_t at = entry_of(edge.node);
  if (grad && entries_[at].needed) {
    const ResultMeta& want = edge.node->results[edge.nr];
    Dims sizes = want.dims();
    if (!(sizes_of(*grad) == sizes)) {
      try {
        grad = sum_to_size(*grad, sizes);
      } catch (Error&) {
        throw Error(message(entries_[from].node->name(), ": its gradient number ", i, " has shape ",
                            shape(*grad), ", which does not sum to ", to_string(sizes),
                            ", the shape of the input that it belongs to."));
      }
    }
    if (grad->dtype != want.dtype) grad = to_dtype_unwarned(*grad, want.dtype);
    if (other_devices && grad->device() != want.device) grad = to_device(*grad, want.device);
    entries_[at].giver = entries_[at].grads.empty() ? entries_[from].node.get() : nullptr;
    receive(at, edge.nr, std::move(grad));
  }
  if (--entries_[at].waiting == 0) ready_.emplace(edge.node->sequence, at);
}

void Run::receive(uint32_t at, uint32_t nr, TensorRef grad) {
  auto& grads = entries_[at].grads;
  if (grads.empty()) grads.resize(entries_[at].node->n_results);
  if (!grads[nr]) {
    grads[nr] = std::move(grad);
    return;
  }
  Tensor& sum = *grads[nr];
  if (is_ours(sum) && sum.contiguous && !grad->batched && !(sparse_tensors && is_sparse(sum)))
    add_into(sum, *grad);
  else
    grads[nr] = add(sum, *grad);
}

/// Takes up the root i: where the pass begins, with a gradient of its shape and dtype.
void Run::add_root(size_t i) {
  Tensor& root = *task_.roots[i];
  check(!root.batched, [] {
    return message(
        "backward: inside vmap gradients do not add up in .grad. Use func.grad or func.vjp "
        "there, "
        "or call backward() on what vmap returns.");
  });
  check(requires_grad(root), [&] {
    return message("backward: tensor ", i,
                   " does not require grad and no operator recorded it, so it has no gradients to "
                   "compute. Call requires_grad_() on the leaves before the forward pass.");
  });
  TensorRef grad = task_.grads[i];
  if (!grad) {
    check(root.numel == 1, [&] {
      return message("backward: ", describe(root),
                     " is not a single number, so its gradient must be given. Pass gradient=, a "
                     "tensor of that shape, or call backward() on its sum or mean.");
    });
    check(!is_complex(root.dtype), [&] {
      return message("backward: a complex output (", describe(root),
                     ") has no gradient to start from. Pass gradient=, or call backward() on its "
                     "abs() or real part.");
    });
    grad = full_like(root, 1);
  }
  check(sizes_of(*grad) == sizes_of(root), [&] {
    return message("backward: gradient ", i, " has shape ", shape(*grad),
                   ", but the output it is for has shape ", shape(root), ". They must be equal.");
  });
  check<DeviceError>(grad->device() == root.device(), [&] {
    return message("backward: gradient ", i, " is on ", to_string(grad->device()),
                   ", but the output it is for is on ", to_string(root.device()),
                   ". Move it with .to().");
  });
  if (grad->dtype != root.dtype) {
    check(is_complex(grad->dtype) == is_complex(root.dtype), [&] {
      return message("backward: gradient ", i, " is ", name(grad->dtype),
                     ", but the output it is for is ", name(root.dtype),
                     ". Both must be complex or both real.");
    });
    grad = to_dtype(*grad, root.dtype);
  }
  Edge edge = gradient_edge(root);
  root_edges_.emplace_back(edge, grad);
  entry_of(edge.node);
}

std::vector<TensorRef> Run::operator()() {
  GradModeGuard mode(task_.create_graph);
  entries_.reserve(16);
  root_edges_.reserve(task_.roots.size());
  for (size_t i = 0; i < task_.roots.size(); ++i) add_root(i);
  for (auto& input : task_.inputs) {
    check(requires_grad(*input), [&] {
      return message("autograd.grad: ", describe(*input),
                     " among inputs does not require grad. Call requires_grad_() on it before the "
                     "forward pass.");
    });
    wanted_.push_back(gradient_edge(*input));
    if (!task_.capture) retain_grad(*input);
  }
  discover();
  mark_needed();
  captured_.resize(task_.inputs.size());
  seed();
  while (!ready_.empty()) {
    uint32_t at = ready_.top().second;
    ready_.pop();
    now_ = at;
    run_node(at);
    if (entries_[at].node->n_edges) entries_[at].grads.clear();
  }
  for (size_t i = 0; i < callbacks.size(); ++i) {  // one may queue another
    Object callback = callbacks[i];
    Object result = owned(PyObject_CallNoArgs(callback.get()));
  }
  return std::move(captured_);
}

}  // namespace

std::vector<TensorRef> run_backward(Backward& task) {
  Run run(task);
  return run();
}

void queue_callback(PyObject* callback) {
  check<TypeError>(PyCallable_Check(callback), [&] {
    return message("queue_callback: takes a callable, not ", Py_TYPE(callback)->tp_name, ".");
  });
  check(current, [] {
    return message(
        "queue_callback: no backward runs in this thread. Call it from a hook or a backward.");
  });
  current->callbacks.push_back(Object::borrow(callback));
}
Node* running_node() { return running; }
int64_t current_backward() { return current ? current->number() : -1; }
bool is_only_backward() { return runs_active == 1 && current; }
int backward_depth() { return current ? current->depth() : 0; }
bool will_reach(Node* node) {
  check(current,
        [] { return message("register_multi_grad_hook: no backward runs in this thread."); });
  return current->will_reach(node);
}
bool will_run(Node* node) {
  check(current,
        [] { return message("will_engine_execute_node: no backward runs in this thread."); });
  return current->will_run(node);
}
Object order_of_execution() {
  check(current, [] {
    return message("current_graph_task_execution_order: no backward runs in this thread.");
  });
  return current->order_of_execution();
}

bool wants_gradient(const Node* node, uint32_t edge) {
  return node->edges[edge].node &&
         !(unwanted.node == node && edge < 64 && unwanted.edges >> edge & 1);
}

bool leaves_out_gradients(const Node* node) { return unwanted.node == node; }

}  // namespace flambeau
