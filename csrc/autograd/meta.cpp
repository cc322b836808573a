#include "autograd/meta.h"

#include <algorithm>
#include <mutex>

#include "autograd/accumulate.h"
#include "autograd/borrowed.h"
#include "autograd/saved_hooks.h"
#include "autograd/sparse.h"
#include "tensor/gil.h"
#include "tensor/objects.h"

namespace flambeau {

constinit thread_local bool grad_mode_enabled = true;
constinit thread_local bool inference_mode_enabled = false;
bool is_grad_enabled() { return grad_mode_enabled; }
bool is_inference_mode_enabled() { return inference_mode_enabled; }
bool set_grad_enabled(bool enabled) { return std::exchange(grad_mode_enabled, enabled); }
bool set_inference_mode(bool enabled) { return std::exchange(inference_mode_enabled, enabled); }

void* AutogradMeta::operator new(size_t size) {
  void* memory = PyObject_Malloc(size);
  if (!memory) throw std::bad_alloc();
  return memory;
}

AutogradMeta& need_meta(Tensor& t) {
  if (!t.autograd) {
    t.autograd = new AutogradMeta;
    watch(t.py());
  }
  return *t.autograd;
}

void destroy_meta(Tensor& t) {
  AutogradMeta* meta = t.autograd;
  t.autograd = nullptr;
  delete meta;
}

void clear_tensor(Tensor& t) {
  if (t.autograd) destroy_meta(t);
  if (t.version_override && --t.version_override->references == 0) delete t.version_override;
  t.version_override = nullptr;
  Py_CLEAR(t.dict);
  if (t.sizes && t.sizes != t.inline_layout) PyMem_Free(t.sizes);
  t.sizes = nullptr;
  if (t.storage) release(t.storage);
  t.storage = nullptr;
}

void clear_meta(Tensor& t) {
  if (!t.autograd) return;
  AutogradMeta& meta = *t.autograd;
  // They die at the end of this function, when the tensor no longer shows them.
  TensorRef grad = std::move(meta.grad), base = std::move(meta.base);
  Ref<Node> grad_fn = std::move(meta.grad_fn);
  Object hooks = std::move(meta.hooks), post_hooks = std::move(meta.post_accumulate_hooks);
  std::unique_ptr<Batch> batch = std::move(meta.batch);
  t.batched = false;  // what is left has no elements, and says so
}

namespace {

/// How a view came to be that has no history of its own to write into; null for others.
const char* unwritable(Creation c) {
  switch (c) {
    case Creation::multiple: return "one of several views that an operator returned together";
    case Creation::no_grad: return "a view that was made under no_grad";
    case Creation::inference: return "a view that was made under inference_mode";
    case Creation::function: return "a view that a custom Function returned";
    case Creation::normal: return nullptr;
  }
  return nullptr;
}

/// Gives t another grad_fn. Hooks stay with the value they were registered for, the old node's; a
/// retained gradient is that of the tensor as it is now.
void renew_grad_fn(Tensor& t, AutogradMeta& meta, Node* node, uint32_t nr) {
  meta.hooks = nullptr;
  if (meta.retains_grad && meta.grad_fn.get() != node) {
    Object weak;
    if (meta.grad_fn && meta.grad_fn->extras) {
      auto& retained = meta.grad_fn->extras->retained;
      auto mine = std::find_if(retained.begin(), retained.end(), [&](auto& entry) {
        return PyWeakref_GetObject(entry.second.get()) == t.py();
      });
      if (mine != retained.end()) {
        weak = std::move(mine->second);
        retained.erase(mine);
      }
    }
    if (weak)
      node->need_extras().retained.emplace_back(nr, std::move(weak));
    else
      meta.retains_grad = false;
  }
  meta.grad_fn = Ref<Node>::borrow(node);
  meta.output_nr = nr;
}

}  // namespace

Node* grad_fn_of(Tensor& t) {
  if (!t.autograd) return nullptr;
  AutogradMeta& meta = *t.autograd;
  // A base that was given other memory (x.data = y) is not what the view shows any more.
  if (is_stale_view(t) && requires_grad(*meta.base) && meta.base->storage == t.storage) {
    check(meta.creation == Creation::normal, [&] {
      return message("grad_fn of a tensor ", shape(t), ": it is ", unwritable(meta.creation),
                     ", and its base has been written in place since, so its gradient cannot be "
                     "told. Make the view anew after the write, or clone() it before.");
    });
    Ref<Node> node = region_node(*meta.base, t);
    renew_grad_fn(t, meta, node.get(), 0);
    meta.view_version = t.version().value;
    t.requires_grad_leaf = false;
  }
  return meta.grad_fn.get();
}

Edge gradient_edge(Tensor& t) {
  if (Node* fn = grad_fn_of(t)) {
    Py_INCREF(fn->py());
    return {fn, t.autograd->output_nr};
  }
  if (!t.requires_grad_leaf) return {nullptr, 0};
  return {accumulator_of(t), 0};
}

void set_history(Tensor& result, Node* node, uint32_t nr) {
  AutogradMeta& meta = need_meta(result);
  if (meta.hooks || meta.retains_grad) {
    renew_grad_fn(result, meta, node, nr);
  } else {
    meta.grad_fn = Ref<Node>::borrow(node);
    meta.output_nr = nr;
  }
  node->results[nr].set(result);
}

void set_view(Tensor& view, Tensor& base, Creation creation) {
  view.inference = base.inference;
  if (base.inference) return;  // writes to it are not followed
  if (inference_mode_enabled) {
    creation = Creation::inference;
    view.requires_grad_leaf = requires_grad(base) && is_differentiable(view.dtype);
  }
  AutogradMeta& meta = need_meta(view);
  AutogradMeta* of_base = base.autograd;
  if (of_base && of_base->base) {
    meta.base = of_base->base;
    meta.dtype_changed = of_base->dtype_changed || view.dtype != base.dtype;
    if (of_base->creation != Creation::normal && creation == Creation::normal)
      creation = of_base->creation;
  } else {
    meta.base = TensorRef::borrow(&base);
    meta.dtype_changed = view.dtype != base.dtype;
  }
  meta.creation = !grad_mode_enabled && creation == Creation::normal ? Creation::no_grad : creation;
  meta.view_version = view.version().value;
}

void leave_base(Tensor& t) {
  if (!t.autograd || !t.autograd->base) return;
  AutogradMeta& meta = *t.autograd;
  TensorRef base = std::move(meta.base);  // dies last
  meta.creation = Creation::normal;
  meta.dtype_changed = false;
}

void check_no_inference(const Tensor& t, const char* op) {
  check(!t.inference || inference_mode_enabled, [&] {
    return message(op, ": ", describe(t),
                   " was made in inference_mode and cannot be written outside of it. clone() it "
                   "first.");
  });
}

void check_inplace(Tensor& t, const char* op, bool records) {
  check_no_inference(t, op);
  if (!grad_mode_enabled) return;
  if (t.autograd && t.autograd->base) {
    Creation creation = t.autograd->creation;
    // A view shares its base's gradient, also where it was made before that was wanted.
    bool tracked = requires_grad(t) || requires_grad(*t.autograd->base);
    check(creation == Creation::normal || !(records || tracked), [&] {
      return message(op, ": this tensor, ", describe(t), ", is ", unwritable(creation),
                     ", so autograd cannot follow a write to it. clone() it first, or use the "
                     "out-of-place form of ",
                     op, ".");
    });
    check(!(tracked && is_leaf(*t.autograd->base)), [&] {
      return message(op, ": this is a view of a leaf that requires grad (",
                     describe(*t.autograd->base),
                     "); a write would change what backward differentiates. Write under "
                     "torch.no_grad(), or use the out-of-place form.");
    });
  }
  check(!(requires_grad(t) && is_leaf(t)), [&] {
    return message(op, ": this is a leaf that requires grad (", describe(t),
                   "); a write would change what backward differentiates. Write under "
                   "torch.no_grad(), or use the out-of-place form.");
  });
}

// ------------------------------------------------------------------------ writes through views:
// CopySlices

namespace {

struct CopySlices {
  Node node;
  Dims base_sizes, base_strides, view_sizes, view_strides;
  int64_t offset;
  bool real_view;     // of a complex base
  bool complex_view;  // of a real base: the layout is that of its parts, see as_parts()
  Ref<Node> fn;
};

TensorRef slice_of(CopySlices* self, Tensor& result) {
  if (!self->real_view)
    return as_strided(result, self->view_sizes, self->view_strides, self->offset);
  TensorRef real = view_as_real(result);
  return as_strided(*real, self->view_sizes, self->view_strides, self->offset);
}

/// A copy of a gradient as the base lies in memory, and the part of it that was written.
std::pair<TensorRef, TensorRef> copied(CopySlices* self, Tensor& grad) {
  if (!grad.batched) {
    TensorRef result = empty_strided(self->base_sizes, self->base_strides, grad.dtype);
    copy_(*result, grad);
    TensorRef part = slice_of(self, *result);
    return {std::move(result), std::move(part)};
  }
  // All slices, each as the base lies.
  Batch& batch = batch_in(grad);
  const int n = batch.levels.n;
  int64_t step = reach(self->base_sizes, self->base_strides, 0, "copy_slices");
  auto with_batches = [&](const Dims& sizes, const Dims& strides, int64_t at) {
    std::pair<Dims, Dims> all{behind_batches(*batch.value, n, sizes), Dims(batch.value->sizes, n)};
    for (int d = n - 1; d >= 0; --d) all.second[d] = at, at *= batch.value->sizes[d];
    for (int d = 0; d < strides.n; ++d) all.second.push(strides[d]);
    return all;
  };
  auto [sizes, strides] = with_batches(self->base_sizes, self->base_strides, step);
  TensorRef result = empty_strided(sizes, strides, grad.dtype);
  copy_(*result, *batch.value);
  TensorRef seen = self->real_view ? view_as_real(*result) : result;
  auto [view_sizes, view_strides] =
      with_batches(self->view_sizes, self->view_strides, self->real_view ? 2 * step : step);
  TensorRef part = as_strided(*seen, view_sizes, view_strides, self->offset);
  return {make_batched(std::move(result), batch.levels),
          make_batched(std::move(part), batch.levels)};
}

void copy_slices_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<CopySlices*>(node);
  if (!self->fn) throw_released(node);
  if (!grad_outputs[0]) return;
  auto [result, part] = copied(self, *grad_outputs[0]);
  TensorRef grad = clone(*part);
  if (self->complex_view) grad = view_as_complex(*grad);
  std::vector<TensorRef> inner(self->fn->n_edges);
  self->fn->kind->backward(self->fn.get(), &grad, inner.data());
  if (inner[0] && self->complex_view) {
    if (!(sizes_of(*inner[0]) == sizes_of(*grad)))
      inner[0] = sum_to_size(*inner[0], sizes_of(*grad));
    inner[0] = view_as_real(*inner[0]);
  }
  if (inner[0]) {
    if (inner[0]->ndim < part->ndim || !(sizes_of(*inner[0]) == sizes_of(*part)))
      inner[0] = sum_to_size(*inner[0], sizes_of(*part));
    copy_(*part, *inner[0]);
  } else {
    TensorRef zero = scalar_tensor(0, part->dtype);
    copy_(*part, *zero);
  }
  grad_inputs[0] = std::move(result);
  for (uint32_t i = 1; i < node->n_edges; ++i) grad_inputs[i] = std::move(inner[i]);
}

/// fn is let go of, not released: where its result was kept for a derivative of higher order it is
/// a node of that graph too, and has yet to run.
void copy_slices_release(Node* node) { reinterpret_cast<CopySlices*>(node)->fn = nullptr; }

void copy_slices_visit(Node* node, Visitor& visitor) {
  visitor(reinterpret_cast<CopySlices*>(node)->fn);
}

const NodeKind copy_slices_kind = {copy_slices_backward, copy_slices_release,
                                   destroy_as<CopySlices>, copy_slices_visit};

}  // namespace

void retain_grad(Tensor& t) {
  Node* fn = grad_fn_of(t);
  if (!fn || t.autograd->retains_grad) return;
  Object weak = owned(PyWeakref_NewRef(t.py(), nullptr));
  fn->need_extras().retained.emplace_back(t.autograd->output_nr, weak);
  t.autograd->retains_grad = true;
}

void rebase_history(Tensor& t, Node* node, uint32_t nr) {
  if (!node) return;
  AutogradMeta& meta = need_meta(t);
  t.requires_grad_leaf = false;
  if (!meta.base) {
    set_history(t, node, nr);
    return;
  }
  static PyTypeObject* type = node_subtype("CopySlices");
  Tensor& base = *meta.base;
  node->results[0].set(t);
  Ref<CopySlices> slices = make_node<CopySlices>(type, &copy_slices_kind);
  slices->base_sizes = sizes_of(base);
  slices->base_strides = strides_of(base);  // as the view's offset and strides count
  slices->view_sizes = sizes_of(t);
  slices->view_strides = strides_of(t);
  slices->real_view = is_complex(base.dtype) && !is_complex(t.dtype);
  slices->complex_view = is_complex(t.dtype) && !is_complex(base.dtype);
  slices->offset = t.offset;
  if (slices->complex_view) as_parts(slices->view_sizes, slices->view_strides, slices->offset);
  slices->offset -=
      slices->real_view ? base.offset * itemsize(base.dtype) / itemsize(t.dtype) : base.offset;
  slices->fn = Ref<Node>::borrow(node);
  slices->node.set_edges(node->n_edges);
  slices->node.edges[0] = gradient_edge(base);
  for (uint32_t i = 1; i < node->n_edges; ++i) {
    slices->node.edges[i] = node->edges[i];
    Py_XINCREF(reinterpret_cast<PyObject*>(node->edges[i].node));
  }
  base.requires_grad_leaf = false;
  set_history(base, &slices->node);
  meta.view_version = t.version().value - 1;  // stale: made anew from the base's history
  grad_fn_of(t);
}

// --------------------------------------------------------------------------------------
// AccumulateGrad

namespace {

struct Accumulate {
  Node node;
  TensorRef variable;
  // Kernels release the GIL, so two threads' backward may meet here; a hook may come back.
  std::recursive_mutex adding;
};

/// The strides of a gradient: it lies in memory as its variable does, which steps of optimizers run
/// through together, or, where that has gaps or repeats, row by row.
Dims wanted_strides(const Tensor& variable) {
  return is_dense(variable) ? strides_of(variable) : contiguous_strides(sizes_of(variable));
}

/// Whether a gradient has to be copied to lie so.
bool has_other_layout(const Tensor& grad, const Tensor& variable) {
  if (!(sizes_of(grad) == sizes_of(variable))) return false;
  const Dims wanted = wanted_strides(variable);
  for (int d = 0; d < grad.ndim; ++d)
    if (grad.sizes[d] > 1 && grad.strides[d] != wanted[d]) return true;
  return false;
}

/// Whoever has the mutex while the interpreter ends never comes back to give it up.
std::unique_lock<std::recursive_mutex> locked(std::recursive_mutex& mutex) {
  std::unique_lock lock(mutex, std::try_to_lock);
  if (lock || interpreter_ends()) return lock;
  LongWork unlocked(true);
  lock.lock();
  return lock;
}

void add_to_grad(Tensor& variable, AutogradMeta& meta, TensorRef grad) {
  if (!meta.grad) {
    bool ours = Py_REFCNT(grad.get()) == 1 && !grad_mode_enabled && is_dense(*grad) &&
                !grad->version_override && grad->storage->version.references == 1;
    if (sparse_tensors && is_sparse(*grad)) [[unlikely]] {
      ours = ours && owns_parts(*grad);
      if (ours && grad->autograd) destroy_meta(*grad);
      meta.grad = ours ? std::move(grad) : sparse_clone(*grad);
    } else if ((!variable.contiguous || !grad->contiguous) && has_other_layout(*grad, variable)) {
      meta.grad = clone_with(*grad, wanted_strides(variable));
    } else {
      if (ours && grad->autograd) destroy_meta(*grad);
      meta.grad = ours ? std::move(grad) : clone(*grad);
    }
  } else if (any_sparse(*meta.grad, *grad)) [[unlikely]] {
    add_sparse_grad(meta.grad, *grad);
  } else if (!grad_mode_enabled) {
    add_into(*meta.grad, *grad);
  } else {
    meta.grad = add(*meta.grad, *grad);
  }
}

/// Whether an expansion shows some memory several times.
bool repeats(const Tensor& t) {
  if (t.numel == 0 || (sparse_tensors && is_sparse(t))) return false;
  for (int d = 0; d < t.ndim; ++d)
    if (t.sizes[d] > 1 && t.strides[d] == 0) return true;
  return false;
}

void accumulate_backward(Node* node, TensorRef* grad_outputs, TensorRef*) {
  auto* self = reinterpret_cast<Accumulate*>(node);
  Tensor& variable = *self->variable;
  if (!grad_outputs[0] || !requires_grad(variable)) return;  // frozen since it was read
  AutogradMeta& meta = need_meta(variable);
  {
    const auto alone = locked(self->adding);
    add_to_grad(variable, meta, std::move(grad_outputs[0]));
  }
  if (meta.post_accumulate_hooks) {
    Object values = Object::steal(PyDict_Values(meta.post_accumulate_hooks.get()));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
      Object result = owned(PyObject_CallOneArg(PyList_GET_ITEM(values.get(), i), variable.py()));
    }
  }
}

void nothing_to_release(Node*) {}

void accumulate_visit(Node* node, Visitor& visitor) {
  visitor(reinterpret_cast<Accumulate*>(node)->variable);
}

}  // namespace

const NodeKind accumulate_kind = {accumulate_backward,
                                  nothing_to_release,
                                  destroy_as<Accumulate>,
                                  accumulate_visit,
                                  nullptr,
                                  [](Node*) { return true; }};

Node* accumulator_of(Tensor& leaf) {
  AutogradMeta& meta = need_meta(leaf);
  if (meta.accumulator && meta.accumulator->results[0].describes(leaf)) {
    // Of one owner the collector sees it through that owner (node_traverse); now there are two.
    watch(meta.accumulator->py());
    Py_INCREF(meta.accumulator->py());
    return meta.accumulator;
  }
  static PyTypeObject* type = node_subtype("AccumulateGrad");
  Ref<Accumulate> node = make_unwatched_node<Accumulate>(type, &accumulate_kind);
  node->node.sequence = UINT64_MAX;
  node->node.results[0].set(leaf);
  node->variable = TensorRef::borrow(&leaf);
  meta.accumulator = &node->node;
  return reinterpret_cast<Node*>(node.release());
}

void forget_accumulator(Node* node) {
  if (node->kind != &accumulate_kind) return;
  Tensor* variable = reinterpret_cast<Accumulate*>(node)->variable.get();
  if (variable && variable->autograd && variable->autograd->accumulator == node)
    variable->autograd->accumulator = nullptr;
}

Tensor* accumulated_variable(Node* node) {
  return node->kind == &accumulate_kind ? reinterpret_cast<Accumulate*>(node)->variable.get()
                                        : nullptr;
}

void own_seen(Node* node, bool captured, Node* giver, std::vector<TensorRef>& grads) {
  Tensor* leaf = node->kind == &accumulate_kind ? accumulated_variable(node) : nullptr;
  const bool hooked = node->extras || (leaf && leaf->autograd && leaf->autograd->hooks);
  if (!hooked && (!captured || (giver && std::string_view(giver->name()) == "SumBackward0")))
    return;
  for (TensorRef& grad : grads)
    if (grad && !grad->contiguous && repeats(*grad)) grad = clone(*grad);
}

void tensor_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Tensor& t = *as_tensor(o);
  unwatch(o);
  if (t.weakrefs) PyObject_ClearWeakRefs(o);
  clear_tensor(t);
  if (type == tensor_type)
    free_tensor(t);
  else
    type->tp_free(o);
  Py_DECREF(type);
}

int tensor_traverse(PyObject* o, visitproc visit, void* context) {
  Tensor& t = *as_tensor(o);
  Visitor visitor(visit, context);
  visitor(Py_TYPE(o)) && visitor(t.dict);
  if (t.autograd) t.autograd->visit(visitor);
  return visitor.result();
}

int tensor_clear(PyObject* o) {
  Tensor& t = *as_tensor(o);
  Py_CLEAR(t.dict);
  clear_meta(t);
  return 0;
}

}  // namespace flambeau
