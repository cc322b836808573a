#include "autograd/assign.h"

#include <vector>

#include "runtime/program.h"
#include "tensor/objects.h"
#include "tensor/sparse.h"

namespace flambeau {

void set_requires_grad(Tensor& t, bool wanted) {
  check(!t.batched, [] {
    return message(
        "requires_grad: of a mapped tensor inside vmap it cannot be set. Take derivatives with "
        "func.grad or func.vjp, or set it outside.");
  });
  check(!wanted || is_differentiable(t.dtype), [&] {
    return message("requires_grad: ", describe(t),
                   " has no gradients; they are computed for floating and complex dtypes. Convert "
                   "it with .float() first.");
  });
  if (grad_fn_of(t)) {
    check(wanted, [&] {
      return message("requires_grad: ", describe(t), " was computed by ", grad_fn_of(t)->name(),
                     " and always requires grad. Use detach() for a tensor without history.");
    });
    return;
  }
  check(!(wanted && t.inference) || inference_mode_enabled, [&] {
    return message("requires_grad: ", describe(t),
                   " was made in inference_mode and cannot require grad outside of it. clone() it "
                   "first.");
  });
  t.requires_grad_leaf = wanted;
}

void assign_requires_grad(Tensor& t, bool wanted) {
  set_requires_grad(t, wanted);
  check(!grad_fn_of(t), [&] {
    return message("requires_grad: ", describe(t), " was computed by ", grad_fn_of(t)->name(),
                   " and always requires grad. Use detach() for a tensor without history.");
  });
}

TensorRef kept_grad(Tensor& t) {
  if (t.autograd && t.autograd->grad) return t.autograd->grad;
  if (t.autograd && t.autograd->grad_fn && !t.autograd->retains_grad)
    warn(
        "grad: this tensor is the result of an operator, and its gradient is not kept. Call "
        "retain_grad() on it before backward, or ask the leaf.");
  return nullptr;
}

bool keeps_grad(const Tensor& t) { return t.autograd && t.autograd->retains_grad; }

TensorRef base_of(const Tensor& t) { return t.autograd ? t.autograd->base : TensorRef(); }

void assign_grad(Tensor& t, Tensor* grad) {
  if (!grad) {
    if (t.autograd) t.autograd->grad = nullptr;
    return;
  }
  Tensor& g = *grad;
  check(&g != &t,
        [] { return message("grad: a tensor cannot be its own gradient. Assign its clone()."); });
  check(sizes_of(g) == sizes_of(t), [&] {
    return message("grad: the gradient is ", shape(g), ", but the tensor is ", shape(t),
                   ". The shapes must be equal.");
  });
  check(g.dtype == t.dtype, [&] {
    return message("grad: the gradient is ", name(g.dtype), ", but the tensor is ", name(t.dtype),
                   ". Convert it with .to().");
  });
  check<DeviceError>(g.device() == t.device(), [&] {
    return message("grad: the gradient is on ", to_string(g.device()), ", but the tensor is on ",
                   to_string(t.device()), ". Move it with .to().");
  });
  need_meta(t).grad = TensorRef::borrow(&g);
}

TensorRef data_of(Tensor& t) {
  TensorRef v = make_tensor(t.storage, t.dtype, sizes_of(t), strides_of(t), t.offset);
  v->version_override = new Version;
  return v;
}

void assign_data(Tensor& t, Tensor& from) {
  check(!requires_grad(t) || is_differentiable(from.dtype), [&] {
    return message("data: ", describe(t), " requires grad and cannot take data of dtype ",
                   name(from.dtype), ", which has no gradients.");
  });
  check(is_sparse(from) == is_sparse(t), [&] {
    return message("data: ", describe(t), " cannot take ", describe(from),
                   ": one is sparse, the other strided. Convert it with .to_dense() or "
                   ".to_sparse().");
  });
  check<DeviceError>(from.device() == t.device(), [&] {
    return message("data: takes data on ", to_string(t.device()), ", where the tensor is, not on ",
                   to_string(from.device()), ".");
  });
  // Its own count of writes goes on, of writes through t alone, and this is none of them.
  if (!t.version_override) {
    const Version& counted = t.version();
    t.version_override = new Version{.value = counted.value, .writer = counted.writer};
  }
  retain(from.storage);
  release(t.storage);
  t.storage = from.storage;
  t.dtype = from.dtype;
  set_layout(t, sizes_of(from), strides_of(from), from.offset);
  leave_base(t);
}

int64_t counted_writes(const Tensor& t) {
  check(!t.inference, [] {
    return message("_version: writes to a tensor made under inference_mode are not counted.");
  });
  return t.version().value;
}

Tensor& detach_(Tensor& t) {
  // A base that nobody else knows was an operator's own: the last view of it is a tensor like
  // others.
  const bool view = t.autograd && t.autograd->base;
  check(!view || Py_REFCNT(t.autograd->base.get()) == 1, [&] {
    return message("detach_: ", describe(t),
                   " is a view, whose base keeps its history. Use detach(), which gives a new "
                   "tensor.");
  });
  if (view) leave_base(t);
  if (t.autograd) {
    t.autograd->grad_fn = nullptr;
    t.autograd->output_nr = 0;
    t.autograd->retains_grad = false;
  }
  t.requires_grad_leaf = false;
  return t;
}

void keep_grad(Tensor& t) {
  check(requires_grad(t), [&] {
    return message("retain_grad: ", describe(t),
                   " does not require grad, so no gradient comes to it. Call requires_grad_() on "
                   "the leaves first.");
  });
  retain_grad(t);
}

// ---------------------------------------------------------------------------------------- hooks

Object add_hook(Object& table, PyObject* hook) {
  if (!table) table = called(imported<"flambeau.autograd.hooks", "new_table">());
  return called(imported<"flambeau.autograd.hooks", "add_hook">(), table.get(), hook);
}

static void check_callable(PyObject* hook, const char* function) {
  check<TypeError>(PyCallable_Check(hook), [&] {
    return message(function, ": the hook must be callable, not ", Py_TYPE(hook)->tp_name, ".");
  });
}

Object add_tensor_hook(Tensor& t, PyObject* hook) {
  check(requires_grad(t), [&] {
    return message("register_hook: ", describe(t),
                   " does not require grad, so the hook would never run. Call requires_grad_() on "
                   "it first.");
  });
  check_callable(hook, "register_hook");
  Node* node = grad_fn_of(t);  // first: it may take the hooks of an older value away
  AutogradMeta& meta = need_meta(t);
  bool fresh = !meta.hooks;
  Object handle = add_hook(meta.hooks, hook);
  if (fresh && node) node->need_extras().tensor_hooks.emplace_back(meta.output_nr, meta.hooks);
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

Object add_post_accumulate_hook(Tensor& t, PyObject* hook) {
  check(requires_grad(t) && is_leaf(t), [&] {
    return message("register_post_accumulate_grad_hook: takes a leaf that requires grad, which ",
                   describe(t), " is not.");
  });
  check_callable(hook, "register_post_accumulate_grad_hook");
  return add_hook(need_meta(t).post_accumulate_hooks, hook);
}

}  // namespace flambeau
