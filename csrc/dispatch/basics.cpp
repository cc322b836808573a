#include "dispatch/basics.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "autograd/meta.h"
#include "autograd/sparse.h"
#include "autograd/wanted.h"
#include "dispatch/autocast.h"
#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/cuda_copy.h"
#include "dispatch/overlap.h"
#include "dispatch/pointwise.h"
#include "dispatch/reduce.h"
#include "kernels/elements/copy.h"
#include "runtime/cuda.h"
#include "runtime/program.h"
#include "tensor/objects.h"

namespace flambeau {

// ------------------------------------------------------------------------------------ bound
// operators

static std::unordered_map<std::string, PyObject*>& bound_table() {
  static auto* table = new std::unordered_map<std::string, PyObject*>;
  return *table;
}

/// What names were asked for lately. They are literals, so the same address is the same name: a
/// look into the table costs more than a sum of a few elements.
struct Known {
  const char* name;
  PyObject* callable;
};
static Known known[64];

void bind_operator(const char* name, PyObject* callable) {
  std::fill(std::begin(known), std::end(known), Known{});
  Py_INCREF(callable);
  auto [at, fresh] = bound_table().try_emplace(name, callable);
  if (!fresh) std::swap(at->second, callable), Py_DECREF(callable);
}

bool is_bound(const char* name) { return bound_table().contains(name); }

PyObject* bound_operator(const char* name) {
  Known& place = known[reinterpret_cast<uintptr_t>(name) * 0x9E3779B97F4A7C15u >> 58];
  if (place.name == name) return place.callable;
  auto at = bound_table().find(name);
  check(at != bound_table().end(), [&] {
    return message("the operator '", name, "' is not declared (a fault of flambeau's own).");
  });
  place = {name, at->second};
  return at->second;
}

static Pointwise& bound_record(const char* name) { return record_of(bound_operator(name)); }

TensorRef call_bound(const char* name, std::initializer_list<PyObject*> args) {
  Object result =
      owned(PyObject_Vectorcall(bound_operator(name), args.begin(), args.size(), nullptr));
  check<TypeError>(is_tensor(result.get()), [&] {
    return message(name, ": gave back ", Py_TYPE(result.get())->tp_name,
                   " where a Tensor is needed.");
  });
  return TensorRef::steal(as_tensor(result.release()));
}

static TensorRef binary(const char* name, Tensor& a, Tensor& b) {
  Pointwise& record = bound_record(name);
  Arg args[3] = {{&a, nullptr}, {&b, nullptr}, {}};
  if (record.n_args > 2) args[2].number = record.defaults[2].get();
  return apply(record, args);
}

TensorRef add(Tensor& a, Tensor& b) {
  if (any_sparse(a, b)) [[unlikely]] {
    // A strided tensor takes a sparse one, not the other way round.
    bool turned = is_sparse(a) && !is_sparse(b);
    return call_bound("add", {(turned ? b : a).py(), (turned ? a : b).py()});
  }
  return binary("add", a, b);
}
TensorRef mul(Tensor& a, Tensor& b) { return binary("mul", a, b); }

TensorRef mul_scalar(Tensor& a, double s) {
  Object number = Object::steal(PyFloat_FromDouble(s));
  Arg args[2] = {{&a, nullptr}, {nullptr, number.get()}};
  return apply(bound_record("mul"), args);
}

void add_into(Tensor& a, Tensor& b) {
  GradModeGuard off(false);
  if (any_sparse(a, b)) [[unlikely]] {
    call_bound("add_", {a.py(), b.py()});
    return;
  }
  Pointwise& record = bound_record("add");
  Arg args[3] = {{&a, nullptr}, {&b, nullptr}, {nullptr, record.defaults[2].get()}};
  apply_inplace(record, args, "add_");
}

// ------------------------------------------------------------------------------------- copies and
// casts

/// The same elements as unsigned integers.
static TensorRef as_words(Tensor& t) {
  const int64_t size = itemsize(t.dtype);
  DType words = size == 1 ? DType::uint8 : size == 2 ? DType::uint16 : DType::uint32;
  return make_tensor(t.storage, words, sizes_of(t), strides_of(t), t.offset);
}

void copy_bytes(Tensor& dst, Tensor& src) {
  check<NotImplementedError>(dst.is_meta() || !src.is_meta(), [&] {
    return message(name_of_call(), ": ", describe(src),
                   " is on the meta device and has no elements to copy. Make the tensor with "
                   "empty_like(device=...), or a module with to_empty(device=...), and fill it.");
  });
  if (dst.numel == 0) return;
  if (dst.is_meta()) return;
  if (dst.is_cuda() || src.is_cuda()) [[unlikely]]
    return copy_with_device(dst, src);
  if (dst.dtype == src.dtype && dst.contiguous && src.contiguous && dst.numel == src.numel) {
    LongWork unlocked(dst.nbytes() > (1 << 18));
    if (dst.storage == src.storage)
      std::memmove(dst.data(), src.data(), dst.nbytes());
    else
      copy_memory(dst.data(), src.data(), dst.nbytes());
    return;
  }
  if (dst.dtype == src.dtype && dst.storage != src.storage && dst.ndim == src.ndim &&
      std::equal(dst.sizes, dst.sizes + dst.ndim, src.sizes)) {
    LongWork unlocked(dst.nbytes() > (1 << 18));
    const Strided to = dst.strided(), from = src.strided();
    if (copy_turned(to, from) || copy_runs(to, from) || copy_few(to, from)) return;
  }
  if (dst.dtype == src.dtype && !is_computed(src.dtype)) {
    TensorRef to = as_words(dst), from = as_words(src);
    return copy_bytes(*to, *from);
  }
  Tensor* outputs[] = {&dst};
  Arg args[] = {{&src, nullptr}};
  run_map(bound_record("copy"), outputs, 1, args, 1, src.dtype);
}

/// Says that the real parts alone arrive; bool asks for both parts, and loses none.
static void warn_imaginary_lost(const Tensor& t, DType to) {
  if (is_complex(to) || to == DType::bool_ || t.numel == 0) return;
  std::string text = message("a ", name(t.dtype), " tensor of shape ", shape(t), " becomes ",
                             name(to), " and loses its imaginary parts. Write x.real for that.");
  warn_once("imaginary parts lost", text);
}

constinit thread_local Autocast autocast;

std::tuple<bool, DType> exchange_autocast(bool on, std::optional<DType> dtype, bool cuda) {
  Autocast::Kind& kind = cuda ? autocast.cuda : autocast.cpu;
  const Autocast::Kind before = kind;
  kind = {on, dtype.value_or(before.dtype)};
  autocast.on = autocast.cpu.on || autocast.cuda.on;
  return {before.on, before.dtype};
}

std::optional<DType> autocast_dtype(bool cuda) {
  const Autocast::Kind& kind = cuda ? autocast.cuda : autocast.cpu;
  return kind.on ? std::optional(kind.dtype) : std::nullopt;
}

TensorRef autocasted(Tensor& t, bool full) {
  const Autocast::Kind& here = autocast.of(t);
  const DType wanted = full ? DType::float32 : here.dtype;
  bool eligible = here.on && is_floating(t.dtype) && t.dtype != DType::float64 && t.dtype != wanted;
  return eligible ? to_dtype(t, wanted) : TensorRef::borrow(&t);
}

void fill_number(Tensor& t, PyObject* number, const char* op, bool rounds) {
  alignas(16) char bytes[16] = {};
  int64_t size = itemsize(t.dtype);
  // Zeros are known of all bits; a quantized zero is not all of them.
  bool zeros = !is_computed(t.dtype) && !is_quantized(t.dtype) && PyObject_Not(number) == 1;
  if (!zeros) store_number(number, t.dtype, bytes, op, rounds);
  if (t.numel == 0 || t.is_meta()) return;
  if (t.is_cuda() && t.contiguous &&
      std::all_of(bytes, bytes + size, [&](char c) { return c == bytes[0]; })) [[unlikely]]
    return cuda::fill(t.address(), t.device().index, static_cast<unsigned char>(bytes[0]),
                      t.nbytes());
  if (t.contiguous && t.on_cpu()) {
    if (std::all_of(bytes, bytes + size, [&](char c) { return c == bytes[0]; })) {
      LongWork unlocked(t.nbytes() > (1 << 18));
      fill_memory(t.data(), bytes[0], t.nbytes());
      return;
    }
    if (t.numel <= 16) {
      for (int64_t i = 0; i < t.numel; ++i) std::memcpy(t.as<char>() + i * size, bytes, size);
      return;
    }
  }
  // Elements that share memory all get the same value, so one of those along a dimension is enough.
  Dims sizes = sizes_of(t);
  for (int d = 0; d < sizes.n; ++d)
    if (t.strides[d] == 0) sizes[d] = 1;
  TensorRef place = raw_view(t, sizes, strides_of(t), t.offset);
  // The object is not asked again: another answer could be out of range.
  Object value = Object::steal(load_number(bytes, t.dtype));
  if (place->numel == 1 && place->on_cpu()) {
    std::memcpy(place->data(), bytes, size);
    return;
  }
  Tensor* outputs[] = {place.get()};
  Arg args[] = {{nullptr, value.get()}};
  run_map(bound_record("copy"), outputs, 1, args, 1, t.dtype);
}

void fill_bytes(Tensor& t, double value) {
  Object number = Object::steal(PyFloat_FromDouble(value));
  fill_number(t, number.get());
}

TensorRef full_like(Tensor& t, double value) {
  TensorRef out =
      sparse_tensors && is_sparse(t) ? empty(sizes_of(t), t.dtype) : empty_like(t, t.dtype);
  fill_bytes(*out, value);
  return out;
}

TensorRef scalar_tensor(double value, DType dtype) {
  TensorRef t = empty({}, dtype);
  fill_bytes(*t, value);
  return t;
}

namespace {

/// Gradient of anything that only moves or converts elements: the engine fits sizes and dtype.
struct PassNode {
  Node node;
};
void pass_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  uint32_t last = node->n_edges - 1;  // copy_: (destination, source)
  if (last == 1 && wants_gradient(node, 0)) grad_inputs[0] = full_like(*grad_outputs[0], 0);
  if (wants_gradient(node, last)) grad_inputs[last] = grad_outputs[0];
}
const NodeKind pass_kind = {pass_backward, nothing, destroy_as<PassNode>};

void record_pass(Tensor& result, Tensor& source, const char* name) {
  if (!needs_record(source) || !is_differentiable(result.dtype)) return;
  Ref<PassNode> node = make_node<PassNode>(node_subtype(name), &pass_kind);
  node->node.set_edges(1);
  set_edge(&node->node, 0, &source);
  set_history(result, &node->node);
}

}  // namespace

Ref<Node> overwrite_node(Tensor& t) {
  Ref<PassNode> node = make_node<PassNode>(node_subtype("CopyBackwards"), &pass_kind);
  node->node.set_edges(2);
  set_edge(&node->node, 0, &t);
  return Ref<Node>::borrow(&node->node);
}

TensorRef to_dtype(Tensor& t, DType dtype) {
  if (is_complex(t.dtype)) warn_imaginary_lost(t, dtype);
  return to_dtype_unwarned(t, dtype);
}

TensorRef to_dtype_unwarned(Tensor& t, DType dtype) {
  if (t.dtype == dtype) return TensorRef::borrow(&t);
  if (sparse_tensors && is_sparse(t)) [[unlikely]]
    return sparse_to(t, dtype);
  if (is_batched(t))
    return on_value(t, [&](Tensor& value, int) { return to_dtype_unwarned(value, dtype); });
  TensorRef out = empty_like(t, dtype);
  copy_bytes(*out, t);
  record_pass(*out, t, "ToCopyBackward0");
  return out;
}

TensorRef to_device(Tensor& t, Device device) {
  if (t.device() == device) return TensorRef::borrow(&t);
  if (is_batched(t))
    return on_value(t, [&](Tensor& value, int) { return to_device(value, device); });
  TensorRef out = empty_like(t, t.dtype, device);
  copy_bytes(*out, t);
  record_pass(*out, t, "ToCopyBackward0");
  return out;
}

TensorRef clone(Tensor& t) {
  if (sparse_tensors && is_sparse(t)) [[unlikely]]
    return sparse_clone(t);
  if (is_batched(t)) return on_value(t, [](Tensor& value, int) { return clone(value); });
  TensorRef out = empty_like(t, t.dtype);
  copy_bytes(*out, t);
  record_pass(*out, t, "CloneBackward0");
  return out;
}

TensorRef clone_with(Tensor& t, const Dims& strides) {
  if (is_batched(t))
    return on_value(t, [&](Tensor& value, int n) {
      Dims all = behind_batches(value, n, strides);
      int64_t step = t.numel;  // the slices lie one behind another
      for (int d = n - 1; d >= 0; --d) all[d] = step, step *= value.sizes[d];
      return clone_with(value, all);
    });
  TensorRef out = empty_strided(sizes_of(t), strides, t.dtype);
  copy_bytes(*out, t);
  record_pass(*out, t, "CloneBackward0");
  return out;
}

TensorRef contiguous(Tensor& t) {
  if (t.contiguous) return TensorRef::borrow(&t);
  return clone_with(t, contiguous_strides(sizes_of(t)));
}

/// Whether an element stands for several: a copy of it means one value, whatever is written
/// meanwhile.
static bool is_repeated(const Tensor& t) {
  for (int d = 0; d < t.ndim; ++d)
    if (t.strides[d] == 0 && t.sizes[d] > 1) return true;
  return false;
}

void copy_(Tensor& dst, Tensor& src) {
  if (any_batched({&dst, &src})) return copy_batched(dst, src);
  bool history = grad_mode_enabled && is_differentiable(dst.dtype) &&
                 (requires_grad(dst) || (requires_grad(src) && is_differentiable(src.dtype)));
  if (history || dst.autograd || dst.inference) {
    if (history || (grad_mode_enabled && requires_grad(dst)) || dst.inference)
      check_inplace(dst, "copy_", history);
  }
  if (&dst == &src && !dst.contiguous && may_overlap_itself(sizes_of(dst), strides_of(dst))) return;
  check_written_once(dst, "copy_");
  if (is_complex(src.dtype)) warn_imaginary_lost(src, dst.dtype);
  TensorRef from = is_repeated(src) ? apart(src, dst) : beside(src, dst, "copy_", "source");
  Dims sizes = sizes_of(dst);
  if (!(sizes_of(*from) == sizes)) {
    bool fits = from->ndim <= sizes.n;
    for (int d = 1; fits && d <= from->ndim; ++d)
      fits = from->sizes[from->ndim - d] == 1 || from->sizes[from->ndim - d] == sizes[sizes.n - d];
    check(fits, [&] {
      return message("copy_: source ", shape(src), " does not broadcast to the destination ",
                     shape(dst), ".");
    });
    from = raw_view(*from, sizes, broadcast_strides(*from, sizes), from->offset);
  }
  Ref<PassNode> node;
  if (history) {
    static PyTypeObject* type = node_subtype("CopyBackwards");
    node = make_node<PassNode>(type, &pass_kind);
    node->node.set_edges(2);
    if (requires_grad(dst)) set_edge(&node->node, 0, &dst);
    if (is_differentiable(src.dtype)) set_edge(&node->node, 1, &src);
  }
  copy_bytes(dst, *from);
  dst.bump_version("copy_");
  if (node) rebase_history(dst, &node->node);
}

// -------------------------------------------------------------------------------------------
// reductions

TensorRef sum_to_size(Tensor& t, const Dims& sizes) {
  if (sizes_of(t) == sizes) return TensorRef::borrow(&t);
  if (sparse_tensors && is_sparse(t)) [[unlikely]]
    return sum_to_size(*sparse_to_dense(t), sizes);
  check(t.ndim >= sizes.n, [&] {
    return message("sum_to_size: ", shape(t), " does not sum to ", to_string(sizes),
                   ", which has more dims.");
  });
  int lead = t.ndim - sizes.n;
  Dims dims;
  for (int d = 0; d < t.ndim; ++d) {
    if (d < lead || (sizes[d - lead] == 1 && t.sizes[d] != 1)) {
      dims.push(d);
    } else {
      check(t.sizes[d] == sizes[d - lead], [&] {
        return message("sum_to_size: ", shape(t), " does not sum to ", to_string(sizes), ": sizes ",
                       t.sizes[d], " and ", sizes[d - lead], " differ, and only to 1 is summed.");
      });
    }
  }
  TensorRef out = dims.n ? sum(t, dims, true) : TensorRef::borrow(&t);
  return lead || !(sizes_of(*out) == sizes) ? view(*out, sizes) : out;
}

}  // namespace flambeau
